"""A layer whose messages are sent by the layers within it."""

from __future__ import annotations

from graphpoly.layers.fused_layer import FusedLayer

__all__ = ["LayerOfLayers"]


class LayerOfLayers(FusedLayer):
    """One that PyG knows for a layer, though it sends no message itself.

    PyG's heterogeneous wrappers run a :class:`~torch_geometric.nn.MessagePassing` once for each
    type of edges and add up what targets get; any other module that is given edges they take for a
    function of edges.
    """

    @property
    def of_layers(self) -> bool:
        """Says so to what runs layers one by one, each by itself."""
        return True
