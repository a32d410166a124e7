r"""Several layers of a GIN in one operator, with a ReLU between two of them.

On a small graph the way from layer to layer takes longer than the layers: a network goes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.gin_layer import gin_layer, gin_layer_reference
from graphpoly.ops.library import call, differentiated, implement, is_short
from graphpoly.ops.perceptron import NORMS, perceptron_backward_reference, perceptron_fake
from graphpoly.ops.spmm import spmm_reference

__all__ = ["GINLayer", "gin_network", "gin_network_reference"]

_OPERATOR = torch.ops.graphpoly.gin_network.default
_BACKWARD = torch.ops.graphpoly.gin_network_backward.default
_KEPT = 6  # tensors that are kept of a layer
_Graph: TypeAlias = tuple[CSR, float, str | None, float]  # with root, norm and eps


class GINLayer(NamedTuple):
    """What a layer holds: see :func:`~graphpoly.ops.gin_layer.gin_layer`."""

    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None
    shift: Tensor | None
    mean: Tensor | None
    var: Tensor | None
    last: Tensor
    last_bias: Tensor | None


_Maps: TypeAlias = Sequence[Tensor | None]  # those of one layer after those of the other


def _split(maps: _Maps) -> list[GINLayer]:
    places = range(0, len(maps), len(GINLayer._fields))
    return [GINLayer(*maps[i : i + len(GINLayer._fields)]) for i in places]  # type: ignore[arg-type]


def gin_network(
    adj: CSR,
    x: Tensor,
    layers: Sequence[GINLayer],
    *,
    root: float = 1.0,
    norm: str | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return what the last layer gives, and the moments of each.

    Args:
        adj: N by N, without weights.
        x: ``[N, F]``, float32 or float64, as is everything else.
        layers: At least one. The first takes F channels, each other one those of the one before it.
        root: What a row itself is multiplied by.
        norm: As of a perceptron, in all of them.
        eps: Added to the variance.

    Raises:
        ValueError: If there is no layer, ``adj`` has weights or is not N by N.

    Complexity: that of the layers. Without gradients they run one by one, and what one of them
    needed is given back before the next.
    """
    if not layers:
        raise ValueError("layers: expected at least one")
    graph, maps = (adj, root, norm, eps), tuple(chain.from_iterable(layers))
    learns = torch.is_grad_enabled() and torch._C._any_requires_grad(x, *maps)
    if not learns or not is_short(x, *maps):
        return _layer_by_layer(graph, x, layers)
    if adj.weight is not None:
        raise ValueError("adj: got weights, expected none")
    if not len(x) == adj.num_cols == adj.num_rows:
        raise ValueError(
            f"x: got {len(x)} rows, the operator has {adj.num_rows} rows and {adj.num_cols} columns"
        )
    out, *moments = _Network.apply(graph, x, *maps)
    return out, list(zip(moments[::2], moments[1::2], strict=True))


def _layer_by_layer(
    graph: _Graph, x: Tensor, layers: Sequence[GINLayer]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    adj, root, norm, eps = graph
    moments = []
    for place, layer in enumerate(layers):
        given = layer._asdict()
        x, mean, var = gin_layer(
            adj, x if place == 0 else x.relu(), **given, root=root, norm=norm, eps=eps
        )
        moments.append((mean, var))
    return x, moments


class _Network(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: _Graph, x: Tensor, *maps: Tensor | None) -> tuple[Tensor, ...]:
        ctx.graph = adj, root, norm, eps = graph
        kept = call(_OPERATOR, adj.rowptr, adj.col, x, maps, root, NORMS.index(norm), eps)
        moments = [kept[place + i] for place in range(0, len(kept), _KEPT) for i in (3, 4)]
        ctx.mark_non_differentiable(*moments)
        ctx.set_materialize_grads(False)
        *kept, out = kept  # which nothing reads
        ctx.save_for_backward(x, *maps, *kept)
        return out, *moments

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1:]
        if grad is None:
            return (None,) * (1 + len(wanted))
        saved, count = ctx.saved_tensors, len(wanted)
        inputs, kept = saved[:count], saved[count:]
        if torch.is_grad_enabled():

            def again(x: Tensor, *maps: Any) -> tuple[Tensor]:
                return (_layer_by_layer(ctx.graph, x, _split(maps))[0],)

            places = [i for i, needs in enumerate(wanted) if needs]
            return None, *differentiated(again, inputs, places, [grad])
        return None, *_backward(ctx.graph, inputs[1:], [*kept, grad], grad, wanted)


def _backward(
    graph: _Graph,
    maps: _Maps,
    kept: list[Tensor],
    grad: Tensor,
    wanted: tuple[bool, ...],
) -> list[Tensor | None]:
    """The gradients of x and of all that the layers hold; the last that was kept is not read."""
    adj, root, norm, eps = graph
    turn = adj.transposed
    if turn is None and (wanted[0] or len(_split(maps)) > 1):
        turn = transpose(adj.rowptr, adj.col, adj.num_cols)
    colptr, row = (None, None) if turn is None else turn[:2]
    x, *found = _BACKWARD(
        colptr, row, list(maps), kept, grad, root, NORMS.index(norm), eps, wanted[0]
    )
    placed: list[Tensor | None] = [x]
    for i in range(0, len(found), 6):
        weight, bias, scale, shift, last, last_bias = found[i : i + 6]
        if norm is None:
            scale = shift = None
        placed += (weight, bias, scale, shift, None, None, last, last_bias)
    return [g if needs else None for g, needs in zip(placed, wanted, strict=True)]


def gin_network_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    maps: _Maps,
    root: float,
    norm: int,
    eps: float,
) -> list[Tensor]:
    """The definition of ``graphpoly::gin_network`` in plain PyTorch.

    Of each layer its sum, what its perceptron keeps, and its result, behind the ReLU but for the
    last.
    """
    found: list[Tensor] = []
    layers = _split(maps)
    for place, layer in enumerate(layers):
        turn = (None, None, None)
        out, *kept = gin_layer_reference(rowptr, col, x, *layer, *turn, root, norm, eps)
        x = out.relu() if place + 1 < len(layers) else out
        found += (*kept, x)
    return found


def _fake(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    maps: _Maps,
    root: float,
    norm: int,
    eps: float,
) -> list[Tensor]:
    found: list[Tensor] = []
    for layer in _split(maps):
        out, *kept = perceptron_fake(x, *layer, norm, eps)
        found += (x.new_empty(x.shape), *kept, out)
        x = out
    return found


implement("gin_network", reference=gin_network_reference, fake=_fake)


def _backward_reference(
    colptr: Tensor | None,
    row: Tensor | None,
    maps: _Maps,
    kept: list[Tensor],
    grad: Tensor,
    root: float,
    norm: int,
    eps: float,
    to_x: bool,
) -> list[Tensor]:
    """The gradients of ``x``, and of what the layers learn, in the order of their arguments."""
    found: list[Tensor] = []
    for place, layer in reversed(list(enumerate(_split(maps)))):
        sums, before, active, mean, var, out = kept[_KEPT * place : _KEPT * (place + 1)]
        if found:
            grad = grad.masked_fill(out <= 0, 0)
        further = place > 0 or to_x
        weight, bias, scale, shift, _, _, last, _ = layer
        grad, *others = perceptron_backward_reference(
            sums,
            weight,
            bias,
            scale,
            shift,
            last,
            before,
            active,
            mean,
            var,
            grad,
            norm,
            eps,
            further,
        )
        if further:
            assert colptr is not None
            assert row is not None
            grad = spmm_reference(colptr, row, None, grad) + root * grad
        found = others + found
    return [grad, *found]


def _backward_fake(
    colptr: Tensor | None,
    row: Tensor | None,
    maps: _Maps,
    kept: list[Tensor],
    grad: Tensor,
    root: float,
    norm: int,
    eps: float,
    to_x: bool,
) -> list[Tensor]:
    sums = kept[0]
    found = [sums.new_empty(len(sums) if to_x else 0, sums.size(1))]
    for layer in _split(maps):
        hidden, channels = layer.weight.size(0), layer.last.size(0)
        normed = hidden if norm else 0
        shapes = (layer.weight.shape, (hidden,), (normed,), (normed,), layer.last.shape)
        found += map(sums.new_empty, (*shapes, (channels,)))
    return found


implement("gin_network_backward", reference=_backward_reference, fake=_backward_fake)
