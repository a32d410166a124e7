"""Transforms that change the edges of graphs, and measures of whether that helped."""

from graphpoly.rewiring.base import Rewiring
from graphpoly.rewiring.borf import BORF
from graphpoly.rewiring.digl import DIGL
from graphpoly.rewiring.expander import ExpanderPropagation, cayley_graph, cayley_size
from graphpoly.rewiring.fosr import FoSR
from graphpoly.rewiring.gtr import GTR
from graphpoly.rewiring.laser import LASER
from graphpoly.rewiring.learned import PRMPNN, LearnedSettings, NeuralSnowflake
from graphpoly.rewiring.sdrf import SDRF
from graphpoly.rewiring.settings import MethodSettings, method_names, method_of

__all__ = [
    "BORF",
    "DIGL",
    "GTR",
    "LASER",
    "PRMPNN",
    "SDRF",
    "ExpanderPropagation",
    "FoSR",
    "LearnedSettings",
    "MethodSettings",
    "NeuralSnowflake",
    "Rewiring",
    "cayley_graph",
    "cayley_size",
    "method_names",
    "method_of",
]
