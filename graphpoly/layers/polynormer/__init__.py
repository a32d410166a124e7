"""Polynomial attention: local over edges, global within graphs."""

from graphpoly.layers.polynormer.polynormer_conv import PolynormerConv
from graphpoly.layers.polynormer.polynormer_global import PolynormerGlobal
from graphpoly.layers.polynormer.polynormer_local import PolynormerLocal

__all__ = ["PolynormerConv", "PolynormerGlobal", "PolynormerLocal"]
