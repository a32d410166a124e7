"""A layer whose messages are sent by the layers within it."""

from __future__ import annotations

from typing import ClassVar

from graphpoly.layers.fused_layer import FusedLayer

__all__ = ["LayerOfLayers"]


class LayerOfLayers(FusedLayer):
    """One that PyG knows for a layer, though it sends no message itself.

    PyG's heterogeneous wrappers run a :class:`~torch_geometric.nn.MessagePassing` once for each
    type of edges and add up what targets get; any other module that is given edges they take for a
    function of edges.

    Attributes:
        of_layers: Says so to what replaces layers one by one.
    """

    of_layers: ClassVar[bool] = True
