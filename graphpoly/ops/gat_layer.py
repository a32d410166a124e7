r"""The layer of a GAT in one operator, of one set of nodes and without features of edges.

.. math::
    v_i = W x_i, \qquad
    y_i = \Vert_h \sum_{j \in \mathcal{N}(i)} \alpha_{ij,h}\, v_{j,h} + b, \qquad
    \alpha_{ij,h} \propto \exp \mathrm{LeakyReLU}
    (\langle a^{\mathrm{src}}_h, v_{j,h} \rangle + \langle a^{\mathrm{dst}}_h, v_{i,h} \rangle)

As in :mod:`graphpoly.ops.gcn_layer`, the way to an operator and back is gone once; attention itself
is :mod:`graphpoly.ops.attention_operator`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.attention_operator import (
    attention_backward_reference,
    attention_reference,
    seed_tensor,
)
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.library import call, differentiated, direct, implement

__all__ = ["gat_layer", "gat_layer_backward_reference", "gat_layer_reference"]

_OPERATOR = torch.ops.graphpoly.gat_layer.default


def gat_layer(
    adj: CSR,
    x: Tensor,
    weight: Tensor,
    *,
    att_src: Tensor,
    att_dst: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    seed: int | Tensor | None = None,
) -> Tensor:
    """Return the heads side by side, ``[N, H C]``.

    Args:
        adj: The operator, N rows by N columns; its values are not read, and no self-loop is added.
        x: ``[N, F]``, float32 or float64, as is everything else.
        weight: ``[H C, F]``.
        att_src: ``[1, H, C]``, as a layer holds it.
        att_dst: ``[1, H, C]``.
        bias: ``[H C]``.
        negative_slope: Slope of LeakyReLU below 0.
        dropout: As for :func:`~graphpoly.ops.gat_attention`.
        seed: As for :func:`~graphpoly.ops.gat_attention`.

    Raises:
        ValueError: If ``adj`` is not N by N or ``dropout`` is no probability.

    Complexity: O(N F H C + E H C) time; O(N H C) memory until the backward pass, which is of the
    same cost.
    """
    if not adj.num_rows == adj.num_cols == len(x):
        found = (adj.num_rows, adj.num_cols)
        raise ValueError(f"adj: got {found[0]} rows and {found[1]} columns, x has {len(x)} rows")
    seed = seed_tensor(seed, dropout, x.device)
    turn = adj.transposed or (None, None, None)
    out: Tensor = call(
        _OPERATOR,
        *(adj.rowptr, adj.col, x, weight, att_src, att_dst, bias, seed, *turn),
        *(negative_slope, dropout),
    )[0]
    return out


def gat_layer_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    map: Tensor,
    source: Tensor,
    target: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::gat_layer`` in plain PyTorch.

    Beside the result, what the gradient needs: the mapped features, the scores of sources and
    targets, what attention makes of them and the log-sum-exp of each row.
    """
    value = (x @ map.T).view(-1, *source.shape[1:])
    of_source, of_target = ((value * vector).sum(-1, keepdim=True) for vector in (source, target))
    attended, lse = attention_reference(
        *(rowptr, col, of_target, of_source, value, None, None, seed, colptr, row, tperm),
        *(True, 1.0, slope, dropout),
    )
    out = attended.flatten(1)
    out = out.clone() if bias is None else out + bias
    return out, value, of_source, of_target, attended, lse


def _fake(
    rowptr: Tensor, col: Tensor, x: Tensor, map: Tensor, source: Tensor, *_: Any
) -> tuple[Tensor, ...]:
    torch._check(x.dim() == 2 and map.dim() == 2 and source.dim() == 3)
    rows, heads, channels = x.size(0), source.size(1), source.size(2)
    return (
        x.new_empty(rows, map.size(0)),
        x.new_empty(rows, heads, channels),
        x.new_empty(rows, heads, 1),
        x.new_empty(rows, heads, 1),
        x.new_empty(rows, heads, channels),
        x.new_empty(rows, heads),
    )


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.slope, ctx.dropout = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors[:6], *tensors[7:], *output[1:])


def _backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 13
    rowptr, col, x, map, source, target, seed, *turn = ctx.saved_tensors
    turn, kept = turn[:3], turn[3:]
    if turn[0] is None:
        turn = transpose(rowptr, col, x.size(0))
    wanted = ctx.needs_input_grad[2:7]
    found = direct.gat_layer_backward(
        *(rowptr, col, x, map, source, target, seed, *turn, *kept, grad),
        *(ctx.slope, ctx.dropout, wanted[0], wanted[4]),
    )
    placed = (g if want else None for g, want in zip(found, wanted, strict=True))
    return None, None, *placed, *(None,) * 6


implement(
    "gat_layer", reference=gat_layer_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def gat_layer_backward_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    map: Tensor,
    source: Tensor,
    target: Tensor,
    seed: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    value: Tensor,
    of_source: Tensor,
    of_target: Tensor,
    attended: Tensor,
    lse: Tensor,
    grad: Tensor,
    slope: float,
    dropout: float,
    to_x: bool,
    bias: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, map, source, target, bias``; empty where they are not wanted."""
    for_target, for_source, for_value, _, _ = attention_backward_reference(
        *(rowptr, col, of_target, of_source, value, None, None, seed, colptr, row, tperm),
        *(True, 1.0, slope, dropout, attended, lse, grad.reshape(value.shape), False),
    )
    through = (for_value + for_source * source + for_target * target).flatten(1)
    return (
        through @ map if to_x else x.new_empty(0, 0),
        through.T @ x,
        (for_source * value).sum(0, keepdim=True),
        (for_target * value).sum(0, keepdim=True),
        grad.sum(0) if bias else grad.new_empty(0),
    )


def _backward_fake(*args: Any) -> tuple[Tensor, ...]:
    x, map, source, target, grad = *args[2:6], args[15]
    *_, to_x, bias = args
    return (
        x.new_empty(x.shape if to_x else (0, 0)),
        x.new_empty(map.shape),
        x.new_empty(source.shape),
        x.new_empty(target.shape),
        x.new_empty(grad.size(1) if bias else 0),
    )


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.slope, ctx.dropout, ctx.to_x, ctx.bias = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference.

    No gradient goes to what the forward pass kept: it is a function of the other inputs, and is
    made of them again.
    """
    inputs = (*ctx.saved_tensors, ctx.slope, ctx.dropout, ctx.to_x, ctx.bias)
    wanted = [i for i in (2, 3, 4, 5, 15) if inputs[i].requires_grad]
    return tuple(differentiated(_backward_from_inputs, inputs, wanted, outer))


def _backward_from_inputs(*inputs: Any) -> tuple[Tensor, ...]:
    given, more, (grad, *rule) = inputs[:6], inputs[6:10], inputs[15:18]
    arguments: tuple[Any, ...] = (*given, None, *more, *rule)
    kept = gat_layer_reference(*arguments)[1:]
    arguments = (*given, *more, *kept, grad, *rule, *inputs[18:])
    return gat_layer_backward_reference(*arguments)


implement(
    "gat_layer_backward",
    reference=gat_layer_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
