"""PyG's GCN and GraphSAGE, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.acceleration.accelerated import REDUCTIONS
from graphpoly.acceleration.at_once import is_bare
from graphpoly.acceleration.dense import is_plain, sparse
from graphpoly.acceleration.gcn_conv import AcceleratedGCNConv
from graphpoly.acceleration.operators import operator
from graphpoly.acceleration.sage_conv import AcceleratedSAGEConv
from graphpoly.ops.conv_network import ConvLayer, conv_network
from graphpoly.ops.linear import is_small, is_whole

__all__ = ["run_gcn", "run_sage"]


def run_gcn(
    network: Any, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
) -> Tensor | None:
    """Return what a GCN gives, or None where its layers have to run."""
    if edge_weight is not None and not _is_constant(edge_weight, x):
        return None
    layers: list[ConvLayer] = []
    rules = set()
    channels = x.size(1)
    for conv in network.convs:
        if not is_bare(conv, AcceleratedGCNConv):
            return None
        lin = conv.lin
        if not is_plain(lin) or lin.bias is not None:
            return None
        layer = ConvLayer(lin.weight, conv.bias)
        if not _fits(layer, x, channels):
            return None
        if not layers and layer.maps_first and sparse(lin, x) is not None:
            return None
        layers.append(layer)
        if conv.cached or conv._cached_edge_index is not None:
            return None
        rules.add((conv.normalize, conv.improved, conv.add_self_loops))
        channels = layer.weight.size(0)
    if len(rules) != 1:
        return None
    adj = conv._normalized(x, edge_index, edge_weight)
    return None if adj is None else conv_network(adj, x, layers)


def run_sage(network: Any, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GraphSAGE of sums or means gives, or None where its layers have to run."""
    layers: list[ConvLayer] = []
    reductions = set()
    channels = x.size(1)
    for conv in network.convs:
        if not is_bare(conv, AcceleratedSAGEConv) or conv.project or conv.normalize:
            return None
        lin, root = conv.lin_l, None
        if not is_plain(lin):
            return None
        if conv.root_weight:
            other = conv.lin_r
            if not is_plain(other) or other.bias is not None:
                return None
            root = other.weight
        layer = ConvLayer(lin.weight, lin.bias, root)
        if not _fits(layer, x, channels):
            return None
        if not layers and sparse(lin, x) is not None:
            return None
        layers.append(layer)
        reductions.add(REDUCTIONS[type(conv.aggr_module)])
        channels = layer.weight.size(0)
    if len(reductions) != 1 or not reductions <= {"sum", "mean"}:
        return None
    adj = operator(edge_index, None, len(x), len(x))
    return None if adj is None else conv_network(adj, x, layers, mean="mean" in reductions)


def _is_constant(edge_weight: Any, x: Tensor) -> bool:
    plain = type(edge_weight) is Tensor and edge_weight.dtype is x.dtype
    return plain and not edge_weight.requires_grad


def _fits(layer: ConvLayer, x: Tensor, channels: int) -> bool:
    """Whether the maps take so many channels of the type of ``x``."""
    weight, bias, root = layer
    if not is_small(weight, x) or weight.size(1) != channels:
        return False
    if root is not None and not (is_small(root, x) and root.shape == weight.shape):
        return False
    return bias is None or (bias.dtype is x.dtype and is_whole(bias, weight))
