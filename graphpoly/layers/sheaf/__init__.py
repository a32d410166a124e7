"""Diffusion with a matrix on every edge: sheaves, learned, fixed or trivial."""

from graphpoly.layers.sheaf.connection_sheaf_conv import (
    ConnectionMaps,
    ConnectionSheafConv,
    connection_maps,
)
from graphpoly.layers.sheaf.laplacian import SheafLaplacian
from graphpoly.layers.sheaf.maps import MAPS, restriction_maps
from graphpoly.layers.sheaf.sheaf_conv import SheafConv
from graphpoly.layers.sheaf.sheaf_diffusion import SheafDiffusion

__all__ = [
    "MAPS",
    "ConnectionMaps",
    "ConnectionSheafConv",
    "SheafConv",
    "SheafDiffusion",
    "SheafLaplacian",
    "connection_maps",
    "restriction_maps",
]
