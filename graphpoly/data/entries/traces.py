"""Classical algorithms, whose steps a network is to follow on larger graphs than it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from graphpoly.data.algorithms import algorithm_traces
from graphpoly.data.dataset import AsItIs, Dataset, Loaded, offer
from graphpoly.data.folds import GraphFold
from graphpoly.settings import bounded

__all__ = ["Traces"]

_SHARES = (4, 7, 11, 13, 16)  # sixteenths of the largest size that graphs to learn from have


@dataclass(frozen=True, kw_only=True)
class Traces(AsItIs):
    """Instances of a problem, those of the test larger than the others.

    Attributes:
        size: Nodes of the largest graphs to learn from, of five sizes from a quarter of it, and of
            those for validation.
        test_size: Nodes of the graphs of the test.
        train, val, test: Graphs of each part.
        p: Probability of an edge, in problems of graphs.
    """

    size: int = bounded(16, low=8)
    test_size: int = bounded(64, low=2)
    train: int = bounded(1000, low=1)
    val: int = bounded(32, low=1)
    test: int = bounded(32, low=1)
    p: float = bounded(0.5, low=0, high=1)


def _load(algorithm: str, root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    """One data set, its parts drawn from seeds 0, 1 and 2; runs differ in their networks."""
    assert isinstance(reading, Traces)
    counts = [reading.train, reading.val, reading.test]
    learned = tuple(reading.size * share // 16 for share in _SHARES)
    parts = [
        algorithm_traces(algorithm, count, sizes, p=reading.p, seed=part)
        for part, (count, sizes) in enumerate(
            zip(counts, (learned, (reading.size,), (reading.test_size,)), strict=True)
        )
    ]
    graphs = [graph for part in parts for graph in part]
    fold = GraphFold("drawn", 0, *torch.arange(sum(counts)).split(counts))
    return Loaded(
        graphs=graphs,
        num_features=graphs[0].num_node_features,
        num_outputs=1,
        split=lambda name, seed: fold,
        facts={"graphs": len(graphs), "nodes": f"{reading.size}, {reading.test_size} in the test"},
    )


for _algorithm, _title in (
    ("bfs", "breadth-first search"),
    ("bellman_ford", "Bellman-Ford"),
    ("prim", "Prim's algorithm"),
    ("minimum", "the least of numbers, one after another"),
    ("insertion_sort", "insertion sort"),
    ("quickselect", "quickselect"),
):
    offer(
        Dataset(
            name=_algorithm.replace("_", "-"),
            title=_title,
            task="traces",
            metric="accuracy",
            loss="ce",
            splits=("drawn",),
            load=partial(_load, _algorithm),
            source="Veličković et al. The CLRS Algorithmic Reasoning Benchmark. ICML 2022",
            reading=Traces(),
            num_splits=3,
            stored=False,
        )
    )
