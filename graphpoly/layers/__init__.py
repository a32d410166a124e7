"""Drop-in message-passing layers."""

from graphpoly.layers.path_conv import PathConv
from graphpoly.layers.spectral import (
    BernConv,
    ChebIIConv,
    FavardConv,
    FEConv,
    GPRConv,
    JacobiConv,
    KrylovConv,
    LegendreConv,
    OperatorConv,
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
    "KrylovConv",
    "LegendreConv",
    "OperatorConv",
    "OptBasisConv",
    "PathConv",
    "PolynomialConv",
    "TFGConv",
    "UniFilterConv",
]
