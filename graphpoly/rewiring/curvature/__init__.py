"""Discrete curvatures of edges, all in the order of ``edge_index``."""

from graphpoly.rewiring.curvature.forman import augmented_forman, balanced_forman
from graphpoly.rewiring.curvature.ollivier import lin_lu_yau, ollivier_ricci

__all__ = ["augmented_forman", "balanced_forman", "lin_lu_yau", "ollivier_ricci"]
