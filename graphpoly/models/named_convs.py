"""Convolutions by name, for networks that stack any of them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv

from graphpoly import registry
from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_size

__all__ = ["CONVS", "Conv", "make_conv"]

CONVS = ("gcn", "sage", "gat")

Conv = str | Callable[[int, int], nn.Module]
"""A name in :data:`CONVS`, that of a registered layer, or what makes one of two sizes."""


def make_conv(conv: Conv, in_channels: int, out_channels: int, *, heads: int = 1) -> nn.Module:
    """Make a convolution of these sizes.

    Args:
        conv: Which.
        in_channels: Size of each input feature.
        out_channels: Size of each output feature, all heads together.
        heads: Of ``"gat"``.

    Raises:
        ValueError: If there is none of that name (the message names the nearest one) or none of
            these sizes.
    """
    if conv == "gat":
        check_size("heads", heads)
        if out_channels % heads:
            raise ValueError(f"heads: got {heads}, expected a divisor of {out_channels}")
        return GATConv(in_channels, out_channels // heads, heads=heads)
    made: object = None
    try:
        made = _maker(conv)(in_channels, out_channels)
    except TypeError as error:
        raise _of_no_such_sizes(conv, in_channels, out_channels) from error
    if not isinstance(made, nn.Module):
        raise _of_no_such_sizes(conv, in_channels, out_channels)
    return made


def _maker(conv: Conv) -> Callable[[int, int], nn.Module]:
    if not isinstance(conv, str):
        return conv
    known = {"gcn": GCNConv, "sage": SAGEConv}
    if conv not in known:  # the registry is read where it has to be
        known |= {entry.name: entry.obj for entry in registry.entries("layer")}
    if conv not in known:
        raise unknown("conv", conv, [*CONVS, *known])
    return known[conv]


def _of_no_such_sizes(conv: Conv, *sizes: int) -> ValueError:
    return ValueError(f"conv: {conv} makes no layer from {sizes[0]} channels to {sizes[1]}")
