r"""A perceptron on what both ends of an entry and the entry itself say, and its sums over rows.

.. math::
    m_{ij} = \mathrm{SiLU}\big(V\, \mathrm{SiLU}(W [x_i, x_j, e_{ij}] + b) + c\big), \qquad
    s_i = \sum_{j \in \mathcal{N}(i)} m_{ij}

What the ends say, two thirds of the first map, is made once for each node. Entries go through the
rest while they are in the caches, and what lies between the maps is made anew in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.library import call, differentiated, direct, implement

__all__ = ["edge_message", "edge_message_backward_reference", "edge_message_reference"]

_OPERATOR = torch.ops.graphpoly.edge_message.default


def edge_message(
    adj: CSR,
    x: Tensor,
    carried: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    *,
    sums: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the messages, ``[E, P]``, and with ``sums`` what comes together in each row.

    Args:
        adj: The entries, N rows by N columns; its values are not read.
        x: ``[N, F]``, float32 or float64, as is everything else.
        carried: What entries carry, ``[E, D]``, in their order.
        weight: ``[H, 2 F + D]``: the columns of targets, of sources, of what is carried.
        bias: ``[H]``.
        last: ``[P, H]``.
        last_bias: ``[P]``.
        sums: Whether the sums are wanted.

    Returns:
        ``[E, P]`` and ``[N, P]``, or ``[0, P]`` without ``sums``.

    Raises:
        ValueError: If ``adj`` is not N by N.

    Complexity: O(N F H + E H (D + P)) time; O(N H + E P) memory until the backward pass, which
    takes O(E H) more while it runs.
    """
    if not adj.num_rows == adj.num_cols == len(x):
        found = (adj.num_rows, adj.num_cols)
        raise ValueError(f"adj: got {found[0]} rows and {found[1]} columns, x has {len(x)} rows")
    given = (adj.rowptr, adj.col, x, carried, weight, bias, last, last_bias)
    turn = adj.transposed or (None, None, None)
    message, total, *_ = call(_OPERATOR, *given, *turn, sums, torch.is_grad_enabled())
    return message, total


def edge_message_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    carried: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    sum: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::edge_message`` in plain PyTorch.

    Beside the results, what targets and sources say, ``[N, 2 H]``, and what is before the last
    SiLU where it is to be kept.
    """
    target, source, edge = weight.split([x.size(1), x.size(1), carried.size(1)], dim=1)
    ends = torch.cat([F.linear(x, target, bias), F.linear(x, source)], dim=1)
    before = F.linear(F.silu(_first(rowptr, col, ends, carried, edge)), last, last_bias)
    message = F.silu(before)
    rows = entry_rows(rowptr, col.size(0))
    total = message.new_zeros(x.size(0) if sum else 0, last.size(0))
    if sum:
        total = total.index_add(0, rows, message)
    return message, total, ends, before if keep else before.new_empty(0, last.size(0))


def _first(rowptr: Tensor, col: Tensor, ends: Tensor, carried: Tensor, edge: Tensor) -> Tensor:
    """What comes out of the first map."""
    own, other = ends.chunk(2, dim=1)
    return own[entry_rows(rowptr, col.size(0))] + other[col] + F.linear(carried, edge)


def _fake(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    carried: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    sum: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch._check(all(t.dim() == 2 for t in (x, carried, weight, last)))
    nodes, entries, channels = x.size(0), col.size(0), last.size(0)
    return (
        x.new_empty(entries, channels),
        x.new_empty(nodes if sum else 0, channels),
        x.new_empty(nodes, 2 * weight.size(0)),
        x.new_empty(entries if keep else 0, channels),
    )


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, sum, keep = inputs
    _, total, ends, before = output
    ctx.mark_non_differentiable(ends, before, *(() if sum else (total,)))
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, ends, before if keep else None)


def _backward(
    ctx: Any, grad: Tensor | None, of_sums: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    if grad is None and of_sums is None:
        return (None,) * 13
    *given, colptr, row, tperm, ends, before = ctx.saved_tensors
    if colptr is None:
        colptr, row, tperm = transpose(given[0], given[1], given[2].size(0))
    wanted = ctx.needs_input_grad[2:8]
    found = direct.edge_message_backward(
        *given, colptr, row, tperm, ends, before, grad, of_sums, wanted[0], wanted[1]
    )
    placed = (g if want else None for g, want in zip(found, wanted, strict=True))
    return None, None, *placed, *(None,) * 5


implement(
    "edge_message",
    reference=edge_message_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def edge_message_backward_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    carried: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    ends: Tensor,
    before: Tensor,
    grad: Tensor | None,
    of_sums: Tensor | None,
    to_x: bool,
    to_carried: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, carried, weight, bias, last, last_bias``; empty where not wanted."""
    target, source, edge = weight.split([x.size(1), x.size(1), carried.size(1)], dim=1)
    rows = entry_rows(rowptr, col.size(0))
    turned = torch.zeros_like(before)
    if grad is not None:
        turned = turned + grad
    if of_sums is not None:
        turned = turned + of_sums[rows]
    turned = turned * _slope(before)
    first = _first(rowptr, col, ends, carried, edge)
    back = (turned @ last) * _slope(first)
    none = ends.new_zeros(x.size(0), weight.size(0))
    own, other = none.index_add(0, rows, back), none.index_add(0, col, back)
    return (
        own @ target + other @ source if to_x else x.new_empty(0, x.size(1)),
        back @ edge if to_carried else x.new_empty(0, carried.size(1)),
        torch.cat([own.T @ x, other.T @ x, back.T @ carried], dim=1),
        x.new_empty(0) if bias is None else back.sum(0),
        turned.T @ F.silu(first),
        turned.sum(0),
    )


def _slope(x: Tensor) -> Tensor:
    share = x.sigmoid()
    return share * (1 + x * (1 - share))


def _backward_fake(*args: Any) -> tuple[Tensor, ...]:
    x, carried, weight, bias, last = args[2:7]
    *_, to_x, to_carried = args
    return (
        x.new_empty(x.size(0) if to_x else 0, x.size(1)),
        x.new_empty(carried.size(0) if to_carried else 0, carried.size(1)),
        x.new_empty(weight.shape),
        x.new_empty(0 if bias is None else weight.size(0)),
        x.new_empty(last.shape),
        x.new_empty(last.size(0)),
    )


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.to_x, ctx.to_carried = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference.

    No gradient goes to what the forward pass kept: it is a function of the other inputs, and is
    made of them again.
    """
    inputs = (*ctx.saved_tensors, ctx.to_x, ctx.to_carried)
    wanted = [
        i for i in (*range(2, 8), 13, 14) if inputs[i] is not None and inputs[i].requires_grad
    ]
    return tuple(differentiated(_backward_from_inputs, inputs, wanted, outer))


def _backward_from_inputs(*inputs: Any) -> tuple[Tensor, ...]:
    given: tuple[Any, ...] = (*inputs[:11], False, True)
    *_, ends, before = edge_message_reference(*given)
    given = (*inputs[:11], ends, before, *inputs[13:])
    return edge_message_backward_reference(*given)


implement(
    "edge_message_backward",
    reference=edge_message_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
