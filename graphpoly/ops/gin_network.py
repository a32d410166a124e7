r"""Several layers of a GIN in one operator, with a ReLU between two of them.

On a small graph the way from layer to layer takes longer than the layers: a network goes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.gin_layer import gin_layer, gin_layer_reference
from graphpoly.ops.library import call, implement
from graphpoly.ops.network import Maps, Rule, check_square, goes_at_once, run_at_once, split
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


def _split(maps: Maps) -> list[GINLayer]:
    return split(GINLayer, maps)


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
    if not goes_at_once(x, maps):
        return _layer_by_layer(graph, x, layers)
    if adj.weight is not None:
        raise ValueError("adj: got weights, expected none")
    check_square(adj, x)
    out, *moments = run_at_once(_rule(graph), x, maps)
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


def _rule(graph: _Graph) -> Rule:
    adj, root, norm, eps = graph
    rules = (root, NORMS.index(norm), eps)

    def forward(x: Tensor, maps: Maps) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        kept = call(_OPERATOR, adj.rowptr, adj.col, x, maps, *rules)
        moments = [kept[place + i] for place in range(0, len(kept), _KEPT) for i in (3, 4)]
        *kept, out = kept
        return kept, out, moments

    def backward(
        inputs: Maps, kept: list[Tensor], grad: Tensor, wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        maps = list(inputs[1:])
        turn = adj.transposed
        if turn is None and (wanted[0] or len(_split(maps)) > 1):
            turn = transpose(adj.rowptr, adj.col, adj.num_cols)
        colptr, row = (None, None) if turn is None else turn[:2]
        # the last that was kept is not read
        x, *found = _BACKWARD(colptr, row, maps, [*kept, grad], grad, *rules, wanted[0])
        placed: list[Tensor | None] = [x]
        for i in range(0, len(found), 6):
            weight, bias, scale, shift, last, last_bias = found[i : i + 6]
            if norm is None:
                scale = shift = None
            placed += (weight, bias, scale, shift, None, None, last, last_bias)
        return placed

    def one_by_one(x: Tensor, maps: Maps) -> Tensor:
        return _layer_by_layer(graph, x, _split(maps))[0]

    return Rule(forward, backward, one_by_one)


def gin_network_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    maps: Maps,
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
    maps: Maps,
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
    maps: Maps,
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
    maps: Maps,
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
