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
    PDFConv,
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
    "PDFConv",
    "PolynomialConv",
    "PolynormerConv",
    "TFGConv",
    "UniFilterConv",
]
