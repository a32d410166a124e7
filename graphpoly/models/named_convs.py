"""Convolutions by name, for networks that stack any of them."""

from __future__ import annotations

import inspect
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
    try:
        made = _maker(conv)(in_channels, out_channels)
    except TypeError as error:
        raise ValueError(
            f"conv: {conv} makes no layer from {in_channels} channels to {out_channels}"
        ) from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"conv: {conv} made {type(made).__name__}, expected a layer")
    parameters = list(inspect.signature(made.forward).parameters.values())
    further = [each.name for each in parameters[2:] if each.default is each.empty]
    if further:
        raise ValueError(f"conv: {type(made).__name__} reads {', '.join(further)}, too")
    return made


def _maker(conv: Conv) -> Callable[[int, int], nn.Module]:
    if not isinstance(conv, str):
        return conv
    if conv in ("gcn", "sage"):
        return {"gcn": GCNConv, "sage": SAGEConv}[conv]
    layers = {entry.name: entry.obj for entry in registry.entries("layer")}
    if conv not in layers:
        raise unknown("conv", conv, [*CONVS, *layers])
    # by name, since the second argument of some is another one
    return lambda i, o: layers[conv](in_channels=i, out_channels=o)
