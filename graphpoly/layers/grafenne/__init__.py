"""Layers in which features are nodes of their own."""

from graphpoly.layers.grafenne.allotrope import Allotrope, allotrope
from graphpoly.layers.grafenne.grafenne_conv import GRAFENNEConv

__all__ = ["Allotrope", "GRAFENNEConv", "allotrope"]
