"""The curvatures of a graph in a few numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.rewiring.curvature import (
    augmented_forman,
    balanced_forman,
    lin_lu_yau,
    ollivier_ricci,
)

__all__ = ["CurvatureStatistics", "curvature_statistics"]

_KINDS = {
    "balanced_forman": balanced_forman,
    "augmented_forman": augmented_forman,
    "ollivier_ricci": ollivier_ricci,
    "lin_lu_yau": lin_lu_yau,
}


class CurvatureStatistics(NamedTuple):
    """Curvatures over the edges of a graph; NaN where it has none.

    Attributes:
        least: The smallest.
        mean: The mean.
        most: The largest.
        spread: The standard deviation.
        negative: The share of edges below 0.
    """

    least: float
    mean: float
    most: float
    spread: float
    negative: float


def curvature_statistics(
    edge_index: Tensor, num_nodes: int | None = None, *, kind: str = "balanced_forman"
) -> CurvatureStatistics:
    """Summarise the curvatures of all edges, each once.

    Args:
        edge_index: Undirected graph, ``[2, E]``.
        num_nodes: Number of nodes.
        kind: ``"balanced_forman"``, ``"augmented_forman"``, ``"ollivier_ricci"`` or
            ``"lin_lu_yau"``; see :mod:`graphpoly.rewiring.curvature` for their costs.

    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> curvature_statistics(triangle).mean
    1.5
    """
    if kind not in _KINDS:
        raise unknown("kind", kind, _KINDS)
    once = torch.unique(edge_index[:, edge_index[0] != edge_index[1]], dim=1)
    value = _KINDS[kind](once, num_nodes)
    if not value.numel():
        nan = float("nan")
        return CurvatureStatistics(nan, nan, nan, nan, nan)
    return CurvatureStatistics(
        least=float(value.min()),
        mean=float(value.mean()),
        most=float(value.max()),
        spread=float(value.std(correction=0)),
        negative=float((value < -1e-12).double().mean()),
    )
