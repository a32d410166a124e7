"""Features of nodes, edges and graphs, and the transforms that add them."""

from graphpoly.features.add_paths import AddPaths, stored_paths
from graphpoly.features.equivariant_polynomials import EquivariantPolynomials
from graphpoly.features.random_node_init import RandomNodeInit
from graphpoly.features.settings import RandomNodeInitSettings
from graphpoly.features.wl_subtree import WLSubtree, wl_features, wl_kernel

__all__ = [
    "AddPaths",
    "EquivariantPolynomials",
    "RandomNodeInit",
    "RandomNodeInitSettings",
    "WLSubtree",
    "stored_paths",
    "wl_features",
    "wl_kernel",
]
