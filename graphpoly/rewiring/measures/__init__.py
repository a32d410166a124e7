"""What a graph, or a model on it, loses on the way: measures of bottlenecks and over-squashing."""

from graphpoly.rewiring.measures.resistance import (
    commute_time,
    effective_resistance,
    sketched_resistance,
    total_resistance,
)

__all__ = ["commute_time", "effective_resistance", "sketched_resistance", "total_resistance"]
