"""Drop-in message-passing layers."""

from graphpoly.layers.polynormer import PolynormerConv
from graphpoly.layers.spectral import (
    BernConv,
    ChebIIConv,
    FavardConv,
    FEConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    MatrixFunctionConv,
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
    "MatrixFunctionConv",
    "OptBasisConv",
    "PolynomialConv",
    "PolynormerConv",
    "TFGConv",
    "UniFilterConv",
]
