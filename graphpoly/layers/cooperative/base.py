"""The layers that cooperation can be put around, by name or by class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn
from torch_geometric.nn import GATConv, GCNConv, GINConv
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.cooperative.aggregate_conv import AggregateConv

__all__ = ["BASES", "Base", "base_text", "make_base"]

Base = str | Callable[[int, int], nn.Module]
"""A name in :data:`BASES`, or what makes a layer of ``(in_channels, out_channels)``."""


def _gin(in_channels: int, out_channels: int) -> GINConv:
    mlp = nn.Sequential(
        Linear(in_channels, out_channels), nn.ReLU(), Linear(out_channels, out_channels)
    )
    return GINConv(mlp, train_eps=True)


BASES: dict[str, Callable[[int, int], nn.Module]] = {
    "sum": partial(AggregateConv, aggregation="sum"),
    "mean": partial(AggregateConv, aggregation="mean"),
    "kept_mean": partial(AggregateConv, aggregation="kept_mean"),
    "gcn": GCNConv,
    "gin": _gin,
    "gat": GATConv,
}


def make_base(base: Base, in_channels: int, out_channels: int) -> nn.Module:
    """Make a layer of these sizes.

    Raises:
        ValueError: If there is no base of that name.
        TypeError: If ``base`` makes no layer, such as one that is made already.
    """
    if isinstance(base, nn.Module):
        raise TypeError(
            f"base: got the layer {type(base).__name__}(...), expected what makes one, such as "
            "GCNConv or lambda i, o: GATConv(i, o, heads=4, concat=False)"
        )
    if isinstance(base, str) and base not in BASES:
        raise unknown("base", base, BASES)
    layer = (BASES[base] if isinstance(base, str) else base)(in_channels, out_channels)
    if not isinstance(layer, nn.Module):
        raise TypeError(f"base: made {type(layer).__name__}, expected a layer")
    return layer


def base_text(base: Base) -> str:
    """What stands for the base in a repr: a name in quotes, or the name of a class."""
    return repr(base) if isinstance(base, str) else getattr(base, "__name__", "base")
