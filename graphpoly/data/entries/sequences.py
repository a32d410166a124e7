"""Sets of points, and the sequence of them that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from graphpoly.data.dataset import AsItIs, Dataset, Loaded, offer
from graphpoly.data.folds import GraphFold
from graphpoly.data.point_sets import point_sets, same_cycle, same_triangles
from graphpoly.settings import bounded

__all__ = ["PointSets"]


@dataclass(frozen=True, kw_only=True)
class PointSets(AsItIs):
    """Uniform points in the unit square.

    Attributes:
        smallest, largest: Points of each set, all numbers between them equally often.
        train, val, test: Sets of each part.
    """

    smallest: int = bounded(5, low=3)
    largest: int = bounded(10, low=3)
    train: int = bounded(10000, low=1)
    val: int = bounded(1000, low=1)
    test: int = bounded(1000, low=1)


def _load(task: str, root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    """One data set, drawn from seed 0; runs differ in their networks."""
    assert isinstance(reading, PointSets)
    if reading.smallest > reading.largest:
        raise ValueError(
            f"smallest, largest: got {reading.smallest} and {reading.largest}, expected an order"
        )
    counts = [reading.train, reading.val, reading.test]
    graphs = point_sets(task, sum(counts), range(reading.smallest, reading.largest + 1))
    fold = GraphFold("drawn", 0, *torch.arange(sum(counts)).split(counts))
    return Loaded(
        graphs=graphs,
        num_features=2,
        num_outputs=1,
        split=lambda name, seed: fold,
        facts={"graphs": len(graphs), "points": f"{reading.smallest} to {reading.largest}"},
    )


def _offer(name: str, task: str, title: str, right: Callable[[Tensor, Tensor], float]) -> None:
    offer(
        Dataset(
            name=name,
            title=title,
            task="sequences",
            metric="accuracy",
            loss="ce",
            splits=("drawn",),
            load=partial(_load, task),
            source="Vinyals, Fortunato, Jaitly. Pointer Networks. NeurIPS 2015",
            reading=PointSets(),
            official=right,
            num_splits=3,
            stored=False,
        )
    )


_offer("convex-hull", "convex_hull", "corners of the convex hull of points", same_cycle)
_offer("delaunay", "delaunay", "Delaunay triangulations of points", same_triangles)
_offer("tour", "tour", "shortest tours through points", same_cycle)
