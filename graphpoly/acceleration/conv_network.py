"""PyG's GCN and GraphSAGE, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.acceleration.accelerated import REDUCTIONS
from graphpoly.acceleration.at_once import Plan, is_bare
from graphpoly.acceleration.dense import is_plain
from graphpoly.acceleration.gcn_conv import AcceleratedGCNConv
from graphpoly.acceleration.operators import operator
from graphpoly.acceleration.sage_conv import AcceleratedSAGEConv
from graphpoly.ops.conv_network import ConvLayer, conv_network
from graphpoly.ops.linear import is_small, is_whole
from graphpoly.ops.sparse_input import sparse_input

__all__ = ["plan_gcn", "plan_sage", "run_gcn", "run_sage"]


def plan_gcn(network: Any) -> Plan | None:
    """Return what the layers of a GCN hold, or None where they have to run."""
    layers: list[ConvLayer] = []
    rules = set()
    for conv in network.convs:
        if not is_bare(conv, AcceleratedGCNConv):
            return None
        lin = conv.lin
        if not is_plain(lin) or lin.bias is not None:
            return None
        if conv.cached or conv._cached_edge_index is not None:
            return None
        layers.append(ConvLayer(lin.weight, conv.bias))
        rules.add((conv.normalize, conv.improved, conv.add_self_loops))
    return Plan(layers, network.convs[0]) if len(rules) == 1 and _fit(layers) else None


def run_gcn(
    plan: Plan, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
) -> Tensor | None:
    """Return what a GCN gives, or None where its layers have to run."""
    if edge_weight is not None and not _is_constant(edge_weight, x):
        return None
    if plan.layers[0].maps_first and sparse_input(x, plan.first) is not None:
        return None
    adj = plan.rule._normalized(x, edge_index, edge_weight)
    return None if adj is None else conv_network(adj, x, plan.layers)


def plan_sage(network: Any) -> Plan | None:
    """Return what the layers of a GraphSAGE of sums or means hold, or None if they have to run."""
    layers: list[ConvLayer] = []
    reductions = set()
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
        layers.append(ConvLayer(lin.weight, lin.bias, root))
        reductions.add(REDUCTIONS[type(conv.aggr_module)])
    if reductions not in ({"sum"}, {"mean"}) or not _fit(layers):
        return None
    return Plan(layers, "mean" in reductions)


def run_sage(plan: Plan, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GraphSAGE gives, or None where its layers have to run."""
    if sparse_input(x, plan.first) is not None:
        return None
    adj = operator(edge_index, None, len(x), len(x))
    return None if adj is None else conv_network(adj, x, plan.layers, mean=plan.rule)


def _is_constant(edge_weight: Any, x: Tensor) -> bool:
    plain = type(edge_weight) is Tensor and edge_weight.dtype is x.dtype
    return plain and not edge_weight.requires_grad


def _fit(layers: list[ConvLayer]) -> bool:
    """Whether each map takes what the one before it gives."""
    channels = layers[0].weight.size(1)
    for weight, bias, root in layers:
        if not is_small(weight, weight) or weight.size(1) != channels:
            return False
        if root is not None and not (is_small(root, weight) and root.shape == weight.shape):
            return False
        if not is_whole(bias, weight):
            return False
        channels = weight.size(0)
    return True
