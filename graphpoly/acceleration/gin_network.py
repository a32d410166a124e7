"""PyG's GIN, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.aggr import SumAggregation

from graphpoly.acceleration.accelerated import readable
from graphpoly.acceleration.at_once import Plan, is_bare
from graphpoly.acceleration.dense import keep_moments, moments_of, parts_of
from graphpoly.acceleration.gin_conv import AcceleratedGINConv
from graphpoly.acceleration.operators import operator
from graphpoly.ops.gin_network import GINLayer, gin_network
from graphpoly.ops.sparse_input import sparse_input

__all__ = ["plan_gin", "run_gin"]


def plan_gin(network: Any) -> Plan | None:
    """Return what the layers of a GIN hold, or None where they have to run."""
    layers: list[GINLayer] = []
    norms, roots, rules = [], [], set()
    for conv in network.convs:
        if not is_bare(conv, AcceleratedGINConv) or type(conv.aggr_module) is not SumAggregation:
            return None
        parts = parts_of(conv.nn)
        if parts is None:
            return None
        first, norm, last = parts
        if layers and layers[-1].last.size(0) != first.weight.size(1):
            return None
        which, mean, var = moments_of(norm)
        scale, shift = (None, None) if norm is None else (norm.weight, norm.bias)
        maps = (first.weight, first.bias, scale, shift, mean, var, last.weight, last.bias)
        layers.append(GINLayer(*maps))
        norms.append(norm)
        roots.append(conv.eps)
        rules.add((which, 0.0 if norm is None else norm.eps))
    if len(rules) != 1 or any(eps.numel() != 1 for eps in roots):
        return None
    running = [norm.running_mean for norm in norms if norm is not None]
    return Plan(layers, (norms, roots, *rules), (*roots, *running))


def run_gin(plan: Plan, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GIN gives, or None where its layers have to run."""
    norms, roots, (which, eps) = plan.rule
    if any(root.requires_grad for root in roots) or sparse_input(x, plan.first) is not None:
        return None
    root, *others = map(float, roots)
    if others != [root] * len(others):
        return None
    if which is not None and (len(x) < 2 or torch._C._len_torch_function_stack()):
        return None  # a mode is such as what norms over several processes
    adj = operator(edge_index, None, len(x), len(x))
    if adj is None:
        return None
    out, moments = gin_network(adj, readable(x), plan.layers, root=1 + root, norm=which, eps=eps)
    if which is not None:
        for norm, found in zip(norms, moments, strict=True):
            keep_moments(norm, *found, len(x))
    return out
