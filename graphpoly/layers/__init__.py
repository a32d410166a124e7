"""Drop-in message-passing layers."""

from graphpoly.layers.sheaf import (
    ConnectionMaps,
    ConnectionSheafConv,
    SheafConv,
    connection_maps,
)
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
    "ConnectionMaps",
    "ConnectionSheafConv",
    "FEConv",
    "FavardConv",
    "GPRConv",
    "JacobiConv",
    "LegendreConv",
    "OptBasisConv",
    "PolynomialConv",
    "SheafConv",
    "TFGConv",
    "UniFilterConv",
    "connection_maps",
]
