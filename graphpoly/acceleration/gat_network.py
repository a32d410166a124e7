"""PyG's GAT, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.acceleration.at_once import Plan, is_bare
from graphpoly.acceleration.dense import is_plain
from graphpoly.acceleration.gat_conv import AcceleratedGATConv
from graphpoly.acceleration.operators import operator, replaced_loops
from graphpoly.ops.gat_network import GATLayer, gat_network
from graphpoly.ops.linear import is_small
from graphpoly.ops.sparse_input import sparse_input

__all__ = ["plan_gat", "run_gat"]


def plan_gat(network: Any) -> Plan | None:
    """Return what the layers of a GAT hold, or None where they have to run."""
    layers: list[GATLayer] = []
    rules = set()
    for place, conv in enumerate(network.convs):
        if not is_bare(conv, AcceleratedGATConv) or conv._dropout():
            return None
        if not conv.concat and place + 1 < len(network.convs):
            return None
        layer = _held(conv)
        if layer is None or (layers and layers[-1].weight.size(0) != layer.weight.size(1)):
            return None
        layers.append(layer)
        rules.add((conv.negative_slope, conv.add_self_loops))
    return Plan(layers, (*rules, conv.concat)) if len(rules) == 1 else None


def run_gat(plan: Plan, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GAT gives, or None where its layers have to run."""
    (slope, loops), concat = plan.rule
    if sparse_input(x, plan.first) is not None:
        return None
    size = len(x)
    adj = (
        replaced_loops(edge_index, size, size) if loops else operator(edge_index, None, size, size)
    )
    if adj is None:
        return None
    return gat_network(adj, x, plan.layers, negative_slope=slope, average=not concat)


def _held(conv: Any) -> GATLayer | None:
    """What a layer holds, where a map and attention are all that it is."""
    lin = conv.lin
    if lin is None or conv.res is not None or not is_plain(lin) or lin.bias is not None:
        return None
    channels, heads, bias = conv.out_channels, conv.heads, conv.bias
    if not is_small(lin.weight, lin.weight) or lin.weight.size(0) != heads * channels:
        return None
    if bias is not None and bias.shape != ((heads if conv.concat else 1) * channels,):
        return None
    return GATLayer(lin.weight, conv.att_src, conv.att_dst, bias)
