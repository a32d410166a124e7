r"""Several layers of a GAT in one operator, with a ReLU between two of them.

On a small graph the way from layer to layer takes longer than the layers: a network goes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.gat_layer import (
    gat_layer,
    gat_layer_backward_reference,
    gat_layer_reference,
)
from graphpoly.ops.library import call, implement
from graphpoly.ops.network import Maps, Rule, check_square, goes_at_once, run_at_once, split

__all__ = ["GATLayer", "gat_network", "gat_network_reference"]

_OPERATOR = torch.ops.graphpoly.gat_network.default
_BACKWARD = torch.ops.graphpoly.gat_network_backward.default
_KEPT = 6  # tensors that are kept of a layer


class GATLayer(NamedTuple):
    """What a layer holds: see :func:`~graphpoly.ops.gat_layer.gat_layer`."""

    weight: Tensor
    att_src: Tensor
    att_dst: Tensor
    bias: Tensor | None = None


def _split(maps: Maps) -> list[GATLayer]:
    return split(GATLayer, maps)


def gat_network(
    adj: CSR,
    x: Tensor,
    layers: Sequence[GATLayer],
    *,
    negative_slope: float = 0.2,
    average: bool = False,
) -> Tensor:
    """Return what the last layer gives: ``[N, H C]``, or ``[N, C]`` where heads are averaged.

    Args:
        adj: N by N; its values are not read, and no self-loop is added.
        x: ``[N, F]``, float32 or float64, as is everything else.
        layers: At least one. The first takes F channels, each other one those of all heads of the
            one before it.
        negative_slope: Slope of LeakyReLU below 0.
        average: Of the last layer, take the mean of the heads in place of all of them; its bias is
            ``[C]`` then.

    Raises:
        ValueError: If there is no layer, or ``adj`` is not N by N.

    Complexity: that of the layers. Without gradients they run one by one, and what one of them
    needed is given back before the next.
    """
    if not layers:
        raise ValueError("layers: expected at least one")
    check_square(adj, x)
    maps = tuple(chain.from_iterable(layers))
    rule = _rule(adj, negative_slope, average)
    return run_at_once(rule, x, maps)[0] if goes_at_once(x, maps) else rule.one_by_one(x, maps)


def _rule(adj: CSR, slope: float, average: bool) -> Rule:
    def forward(x: Tensor, maps: Maps) -> tuple[list[Tensor], Tensor, tuple[()]]:
        *kept, out = call(_OPERATOR, adj.rowptr, adj.col, x, maps, slope, average)
        return kept, out, ()

    def backward(
        inputs: Maps, kept: list[Tensor], grad: Tensor, wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        turn = adj.transposed or transpose(adj.rowptr, adj.col, adj.num_cols)
        x, *maps = inputs
        # the last that was kept is not read
        found: list[Tensor | None] = _BACKWARD(
            *(adj.rowptr, adj.col, *turn, x, maps, [*kept, grad], grad, slope, average, wanted[0])
        )
        return found

    def one_by_one(x: Tensor, maps: Maps) -> Tensor:
        *hidden, last = _split(maps)
        for layer in hidden:
            x = _layer(adj, x, slope, layer).relu()
        if not average:
            return _layer(adj, x, slope, last)
        heads = _layer(adj, x, slope, last._replace(bias=None))
        out = heads.view(-1, *last.att_src.shape[1:]).mean(1)
        return out if last.bias is None else out + last.bias

    return Rule(forward, backward, one_by_one)


def _layer(adj: CSR, x: Tensor, slope: float, layer: GATLayer) -> Tensor:
    return gat_layer(adj, x, **layer._asdict(), negative_slope=slope)


def gat_network_reference(
    rowptr: Tensor, col: Tensor, x: Tensor, maps: Maps, slope: float, average: bool
) -> list[Tensor]:
    """The definition of ``graphpoly::gat_network`` in plain PyTorch.

    Of each layer what :func:`~graphpoly.ops.gat_layer.gat_layer_reference` gives beside its result,
    and that, behind the ReLU but for the last.
    """
    found: list[Tensor] = []
    layers = _split(maps)
    for place, layer in enumerate(layers):
        last = place + 1 == len(layers)
        mean = average and last
        held = layer._replace(bias=None) if mean else layer
        nothing = (None, None, None, None)
        out, *kept = gat_layer_reference(rowptr, col, x, *held, *nothing, slope, 0.0)
        if mean:
            out = kept[3].mean(1)
            out = out if layer.bias is None else out + layer.bias
        x = out if last else out.relu()
        found += (*kept, x)
    return found


def _fake(
    rowptr: Tensor, col: Tensor, x: Tensor, maps: Maps, slope: float, average: bool
) -> list[Tensor]:
    found: list[Tensor] = []
    layers, rows = _split(maps), x.size(0)
    for place, layer in enumerate(layers):
        heads, channels = layer.att_src.shape[1:]
        mean = average and place + 1 == len(layers)
        deep = (rows, heads, channels)
        shapes = (deep, (rows, heads, 1), (rows, heads, 1), deep, (rows, heads))
        found += map(x.new_empty, (*shapes, (rows, channels if mean else layer.weight.size(0))))
    return found


implement("gat_network", reference=gat_network_reference, fake=_fake)


def _backward_reference(
    rowptr: Tensor,
    col: Tensor,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    x: Tensor,
    maps: Maps,
    kept: list[Tensor],
    grad: Tensor,
    slope: float,
    average: bool,
    to_x: bool,
) -> list[Tensor]:
    """The gradients of ``x``, and of what each layer holds; empty where none is."""
    found: list[Tensor] = []
    layers = _split(maps)
    for place, layer in reversed(list(enumerate(layers))):
        *held, out = kept[_KEPT * place : _KEPT * (place + 1)]
        given = x if place == 0 else kept[_KEPT * place - 1]
        if found:
            grad = grad.masked_fill(out <= 0, 0)
        to_bias = grad.new_empty(0) if layer.bias is None else grad.sum(0)
        heads = layer.att_src.size(1)
        if average and not found:
            grad = (grad / heads).repeat(1, heads)
        behind = (None, colptr, row, tperm, *held, grad, slope, 0.0, place > 0 or to_x, False)
        arguments: tuple[Any, ...] = (rowptr, col, given, *layer[:3], *behind)
        grad, *others, _ = gat_layer_backward_reference(*arguments)
        found = [*others, to_bias, *found]
    return [grad if to_x else x.new_empty(0, x.size(1)), *found]


def _backward_fake(*args: Any) -> list[Tensor]:
    x, maps, to_x = args[5], args[6], args[-1]
    shapes = [(0,) if t is None else t.shape for t in maps]
    return [x.new_empty(x.size(0) if to_x else 0, x.size(1)), *map(x.new_empty, shapes)]


implement("gat_network_backward", reference=_backward_reference, fake=_backward_fake)
