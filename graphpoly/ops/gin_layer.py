r"""The layer of a GIN in one operator: :math:`p((1 + \epsilon) x + A x)` of a perceptron p.

On a small graph the way to an operator and back through autograd takes as long as the work. A layer
goes there once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.library import call, differentiated, direct, implement
from graphpoly.ops.perceptron import (
    NORMS,
    Perceptron,
    perceptron_backward_fake,
    perceptron_backward_reference,
    perceptron_fake,
    perceptron_reference,
)
from graphpoly.ops.spmm import spmm_reference

__all__ = ["gin_layer", "gin_layer_reference"]

_OPERATOR = torch.ops.graphpoly.gin_layer.default


def gin_layer(
    adj: CSR,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    *,
    root: float = 1.0,
    norm: str | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    eps: float = 1e-5,
) -> Perceptron:
    """Return :func:`~graphpoly.ops.perceptron.perceptron` of ``root * x + adj @ x``.

    Args:
        adj: N by N, without weights.
        x: ``[N, F]``, float32 or float64, as is everything else.
        weight: ``[H, F]``.
        bias: ``[H]``.
        last: ``[C, H]``.
        last_bias: ``[C]``.
        root: What a row itself is multiplied by.
        norm: As of a perceptron, as is the rest.
        scale: ``[H]``.
        shift: ``[H]``.
        mean: ``[H]``.
        var: ``[H]``.
        eps: Added to the variance.

    Raises:
        ValueError: If ``adj`` has weights, or is not N by N.

    Complexity: O(E F + N H (F + C)) time; O(N (F + H)) memory until the backward pass, which is of
    the same cost.
    """
    rowptr, col, values, _, num_cols, turn = adj
    if values is not None:
        raise ValueError("adj: got weights, expected none")
    if not len(x) == num_cols == len(rowptr) - 1:
        raise ValueError(
            f"x: got {len(x)} rows, the operator has {len(rowptr) - 1} rows and {num_cols} columns"
        )
    out, _, _, _, mean, var = call(
        _OPERATOR,
        *(rowptr, col, x, weight, bias, scale, shift, mean, var, last, last_bias),
        *(turn or (None, None, None)),
        *(root, NORMS.index(norm), eps),
    )
    return Perceptron(out, mean, var)


def gin_layer_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    root: float,
    norm: int,
    eps: float,
) -> tuple[Tensor, ...]:
    """The definition of ``graphpoly::gin_layer`` in plain PyTorch.

    Beside the result, what the perceptron was given, and what its gradient needs.
    """
    sums = spmm_reference(rowptr, col, None, x) + root * x
    maps = (weight, bias, scale, shift, mean, var, last, last_bias)
    out, *kept = perceptron_reference(sums, *maps, norm, eps)
    return out, sums, *kept


def _fake(rowptr: Tensor, col: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    arguments = (*rest[:8], *rest[12:])  # less those of the graph
    out, *kept = perceptron_fake(x, *arguments)
    return out, x.new_empty(x.shape), *kept


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    rowptr, col, *maps, _, _, last, _, colptr, row, tperm, ctx.root, ctx.norm, ctx.eps = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(rowptr, col, colptr, row, tperm, *maps, last, *output[1:])


def _backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 17
    wanted = ctx.needs_input_grad
    rowptr, col, colptr, row, tperm, x, *rest = ctx.saved_tensors
    turn = (colptr, row, tperm)
    if wanted[2] and colptr is None:
        turn = transpose(rowptr, col, len(x))
    found = direct.gin_layer_backward(
        *(rowptr, col, *turn, x, *rest, grad, ctx.root, ctx.norm, ctx.eps, wanted[2])
    )
    to_x, weight, bias, scale, shift, last, last_bias = found
    if not ctx.norm:
        scale = shift = None
    placed = (None, None, to_x, weight, bias, scale, shift, None, None, last, last_bias)
    return *(g if want else None for g, want in zip(placed, wanted, strict=False)), *(None,) * 6


implement(
    "gin_layer", reference=gin_layer_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def _backward_reference(
    rowptr: Tensor,
    col: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    sum: Tensor,
    before: Tensor,
    active: Tensor,
    mean: Tensor,
    var: Tensor,
    grad: Tensor,
    root: float,
    norm: int,
    eps: float,
    to_x: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, weight, bias, scale, shift, last, last_bias``."""
    kept = (last, before, active, mean, var, grad, norm, eps, to_x)
    back, *others = perceptron_backward_reference(sum, weight, bias, scale, shift, *kept)
    if to_x:
        assert colptr is not None
        assert row is not None
        back = spmm_reference(colptr, row, None, back) + root * back
    return back, *others


def _backward_fake(*inputs: Any) -> tuple[Tensor, ...]:
    arguments = (*inputs[5:11], *inputs[12:17], *inputs[18:])  # less those of the graph and the sum
    return perceptron_backward_fake(*arguments)


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.root, ctx.norm, ctx.eps, ctx.to_x = inputs
    ctx.save_for_backward(*tensors)


_DIFFERENTIABLE = (5, 6, 7, 8, 9, 10, 16)  # what the forward pass kept is made of the others again


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference."""
    inputs = (*ctx.saved_tensors, ctx.root, ctx.norm, ctx.eps, ctx.to_x)
    wanted = [i for i in _DIFFERENTIABLE if inputs[i] is not None and inputs[i].requires_grad]
    return tuple(differentiated(_backward_from_inputs, inputs, wanted, outer))


def _backward_from_inputs(*inputs: Any) -> tuple[Tensor, ...]:
    *graph, x, weight, bias, scale, shift, last = inputs[:11]
    mean, var, grad, root, norm, eps, to_x = inputs[14:]
    maps = (weight, bias, scale, shift)
    turn = graph[2:]
    ends = (mean, var, last, None, *turn, root, norm, eps)
    kept = gin_layer_reference(graph[0], graph[1], x, *maps, *ends)[1:]
    arguments = (*graph, x, *maps, last, *kept, grad, root, norm, eps, to_x)
    return _backward_reference(*arguments)


implement(
    "gin_layer_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
