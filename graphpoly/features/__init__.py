"""Features of nodes, edges and graphs, and the transforms that add them."""

from graphpoly.features.wl_subtree import WLSubtree, wl_features, wl_kernel

__all__ = ["WLSubtree", "wl_features", "wl_kernel"]
