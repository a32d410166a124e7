"""Features of nodes, edges and graphs, and the transforms that add them."""

from graphpoly.features.add_paths import AddPaths, stored_paths
from graphpoly.features.wl_subtree import WLSubtree, wl_features, wl_kernel

__all__ = ["AddPaths", "WLSubtree", "stored_paths", "wl_features", "wl_kernel"]
