"""Features of nodes, edges and graphs, and the transforms that add them."""

from graphpoly.features.add_paths import AddPaths, stored_paths
from graphpoly.features.ball_radii import ball_radii
from graphpoly.features.classical_mds import classical_mds
from graphpoly.features.equivariant_polynomials import EquivariantPolynomials
from graphpoly.features.extract_patches import ExtractPatches, extract_patches
from graphpoly.features.hidden_features import HiddenFeatures
from graphpoly.features.procrustes import Motion, procrustes, procrustes_distance
from graphpoly.features.random_node_init import RandomNodeInit
from graphpoly.features.settings import RandomNodeInitSettings
from graphpoly.features.wl_subtree import WLSubtree, wl_features, wl_kernel

__all__ = [
    "AddPaths",
    "EquivariantPolynomials",
    "ExtractPatches",
    "HiddenFeatures",
    "Motion",
    "RandomNodeInit",
    "RandomNodeInitSettings",
    "WLSubtree",
    "ball_radii",
    "classical_mds",
    "extract_patches",
    "procrustes",
    "procrustes_distance",
    "stored_paths",
    "wl_features",
    "wl_kernel",
]
