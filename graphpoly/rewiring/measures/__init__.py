"""What a graph, or a model on it, loses on the way: measures of bottlenecks and over-squashing."""

from graphpoly.rewiring.measures.bottlenecks import Bottlenecks, bottlenecks
from graphpoly.rewiring.measures.curvature import CurvatureStatistics, curvature_statistics
from graphpoly.rewiring.measures.features import dirichlet_energy, mean_average_distance
from graphpoly.rewiring.measures.resistance import (
    commute_time,
    effective_resistance,
    sketched_resistance,
    total_resistance,
)
from graphpoly.rewiring.measures.sensitivity import (
    jacobian,
    jacobian_obstruction,
    sensitivity,
    sensitivity_bound,
)
from graphpoly.rewiring.measures.spectral_gap import spectral_gap

__all__ = [
    "Bottlenecks",
    "CurvatureStatistics",
    "bottlenecks",
    "commute_time",
    "curvature_statistics",
    "dirichlet_energy",
    "effective_resistance",
    "jacobian",
    "jacobian_obstruction",
    "mean_average_distance",
    "sensitivity",
    "sensitivity_bound",
    "sketched_resistance",
    "spectral_gap",
    "total_resistance",
]
