"""PyG's GIN, whose layers are one operator where nothing stands between them but ReLU."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn.aggr import SumAggregation
from torch_geometric.nn.models import GIN

from graphpoly.acceleration.dense import keep_moments, moments_of, parts_of, sparse
from graphpoly.acceleration.gin_conv import AcceleratedGINConv
from graphpoly.acceleration.operators import is_pairs, operator
from graphpoly.ops.gin_network import GINLayer, gin_network
from graphpoly.ops.hooks import is_hooked, is_itself_hooked
from graphpoly.ops.library import is_short
from graphpoly.ops.linear import computes

__all__ = ["at_once"]


def at_once(kind: type[GIN]) -> Any:
    """Return the ``forward`` of this class that goes through all layers at once where it may."""

    @functools.wraps(kind.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = None
        if len(args) == 2 and kwargs.keys() <= {"batch", "batch_size"} and _serves(self, *args):
            out = _run(self, *args)
        return kind.forward(self, *args, **kwargs) if out is None else out

    return forward


def _serves(network: Any, x: Any, edge_index: Any) -> bool:
    """Whether graph and features are plain, and between the layers is a ReLU."""
    between = (network.act, network.dropout, *network.norms)
    return (
        isinstance(x, Tensor)
        and torch.is_grad_enabled()
        and is_short(x, edge_index)
        and x.dim() == 2
        and computes(x)
        and is_pairs(edge_index)
        and network.jk_mode is None
        and type(network.act) is nn.ReLU
        and not (network.dropout.training and network.dropout.p)
        and all(type(norm) is nn.Identity for norm in network.norms)
        and not is_hooked(*between)
    )


def _run(network: Any, x: Tensor, edge_index: Tensor) -> Tensor | None:
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
    out, moments = gin_network(adj, x, layers, root=root, norm=which, eps=eps)
    for norm, found in zip(norms, moments, strict=True):
        if norm is not None:
            keep_moments(norm, *found, len(x))
    return out


def _parts(conv: Any, x: Tensor, channels: int) -> tuple[Any, Any, Any] | None:
    """The maps and the norm of a layer, where its sums and these are all that it does."""
    if type(conv) is not AcceleratedGINConv or is_itself_hooked(conv):
        return None
    if type(conv.aggr_module) is not SumAggregation or not conv._root_is_given(x):
        return None
    if conv._refusal((x,), static=False) is not None:
        return None
    return parts_of(conv.nn, x, channels)
