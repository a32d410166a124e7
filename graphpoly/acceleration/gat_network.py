"""PyG's GAT, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.acceleration.at_once import is_bare
from graphpoly.acceleration.dense import is_plain, sparse
from graphpoly.acceleration.gat_conv import AcceleratedGATConv
from graphpoly.acceleration.operators import operator, replaced_loops
from graphpoly.ops.gat_network import GATLayer, gat_network
from graphpoly.ops.linear import is_small

__all__ = ["run_gat"]


def run_gat(network: Any, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GAT gives, or None where its layers have to run."""
    layers: list[GATLayer] = []
    rules = set()
    channels = x.size(1)
    for place, conv in enumerate(network.convs):
        if not is_bare(conv, AcceleratedGATConv) or conv._dropout():
            return None
        if not conv.concat and place + 1 < len(network.convs):
            return None
        layer = _held(conv, x, channels)
        if layer is None:
            return None
        if not layers and sparse(conv.lin, x) is not None:
            return None
        layers.append(layer)
        rules.add((conv.negative_slope, conv.add_self_loops))
        channels = layer.weight.size(0)
    if len(rules) != 1:
        return None
    ((slope, loops),) = rules
    size = len(x)
    adj = (
        replaced_loops(edge_index, size, size) if loops else operator(edge_index, None, size, size)
    )
    if adj is None:
        return None
    return gat_network(adj, x, layers, negative_slope=slope, average=not conv.concat)


def _held(conv: Any, x: Tensor, channels: int) -> GATLayer | None:
    """What a layer holds, where it takes so many channels and a map and attention are all it is."""
    lin = conv.lin
    if lin is None or conv.res is not None or not is_plain(lin) or lin.bias is not None:
        return None
    layer = GATLayer(lin.weight, conv.att_src, conv.att_dst, conv.bias)
    shape = (conv.heads * conv.out_channels, channels)
    if not is_small(layer.weight, x) or layer.weight.shape != shape:
        return None
    if layer.bias is not None and layer.bias.shape != (
        shape[0] if conv.concat else conv.out_channels,
    ):
        return None
    return layer if all(t is None or t.dtype is x.dtype for t in layer) else None
