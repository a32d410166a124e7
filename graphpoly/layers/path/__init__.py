"""Layers that read whole paths."""

from graphpoly.layers.path.path_conv import PathConv

__all__ = ["PathConv"]
