"""PyG's GIN, all layers of which may be one operator."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn.aggr import SumAggregation

from graphpoly.acceleration.accelerated import readable
from graphpoly.acceleration.at_once import is_bare
from graphpoly.acceleration.dense import keep_moments, moments_of, parts_of, sparse
from graphpoly.acceleration.gin_conv import AcceleratedGINConv
from graphpoly.acceleration.operators import operator
from graphpoly.ops.gin_network import GINLayer, gin_network

__all__ = ["run_gin"]


def run_gin(network: Any, x: Tensor, edge_index: Tensor) -> Tensor | None:
    """Return what a GIN gives, or None where its layers have to run."""
    layers, norms, rules = [], [], set()
    channels = x.size(1)
    for conv in network.convs:
        parts = _parts(conv, x, channels)
        if parts is None:
            return None
        first, norm, last = parts
        which, mean, var = moments_of(norm)
        held = (None, None) if norm is None else (norm.weight, norm.bias)
        maps = (first.weight, first.bias, *held, mean, var, last.weight, last.bias)
        layers.append(GINLayer(*maps))
        norms.append(norm)
        rules.add((conv._root(), which, 0.0 if norm is None else norm.eps))
        channels = last.weight.size(0)
        if len(layers) == 1 and sparse(first, x) is not None:
            return None
    adj = operator(edge_index, None, len(x), len(x))
    if adj is None or len(rules) != 1:
        return None
    ((root, which, eps),) = rules
    out, moments = gin_network(adj, readable(x), layers, root=root, norm=which, eps=eps)
    for norm, found in zip(norms, moments, strict=True):
        if norm is not None:
            keep_moments(norm, *found, len(x))
    return out


def _parts(conv: Any, x: Tensor, channels: int) -> tuple[Any, Any, Any] | None:
    """The maps and the norm of a layer, where its sums and these are all that it does."""
    if not is_bare(conv, AcceleratedGINConv):
        return None
    if type(conv.aggr_module) is not SumAggregation or not conv._root_is_given(x):
        return None
    return parts_of(conv.nn, x, channels)
