"""Drop-in message-passing layers."""

from graphpoly.layers.path import PathConv
from graphpoly.layers.spectral import (
    BernConv,
    ChebIIConv,
    FavardConv,
    FEConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    OptBasisConv,
    PolynomialConv,
    TFGConv,
    UniFilterConv,
)

__all__ = [
    "BernConv",
    "ChebIIConv",
    "FEConv",
    "FavardConv",
    "GPRConv",
    "JacobiConv",
    "LegendreConv",
    "OptBasisConv",
    "PathConv",
    "PolynomialConv",
    "TFGConv",
    "UniFilterConv",
]
