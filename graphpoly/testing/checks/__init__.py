"""The checks themselves, a file for each family of properties."""

from graphpoly.testing.checks import (
    adjacency_forms,
    arguments,
    compilation,
    contract,
    integration,
    invariance,
    lifecycle,
    numerics,
    randomness,
    weights,
)

__all__ = [
    "adjacency_forms",
    "arguments",
    "compilation",
    "contract",
    "integration",
    "invariance",
    "lifecycle",
    "numerics",
    "randomness",
    "weights",
]
