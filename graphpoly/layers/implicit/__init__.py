"""Layers whose output is the fixed point of a map."""

from graphpoly.layers.implicit.convergent_conv import ConvergentConv
from graphpoly.layers.implicit.picard_conv import PicardConv
from graphpoly.layers.implicit.subhomogeneous_conv import SubhomogeneousConv

__all__ = ["ConvergentConv", "PicardConv", "SubhomogeneousConv"]
