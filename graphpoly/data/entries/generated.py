"""Data that is made here: block models, trees, cycles, filtered images, charged particles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphpoly.data.csbm import csbm
from graphpoly.data.cycles import cycle_pairs
from graphpoly.data.dataset import AsItIs, Dataset, Loaded, offer
from graphpoly.data.entries.nodes import node_problem
from graphpoly.data.folds import GraphFold
from graphpoly.data.hard_functions import DEGREE_FUNCTIONS, degree_functions
from graphpoly.data.image_filter import IMAGE_RESPONSES, image_filter_task, load_images
from graphpoly.data.n_body import n_body
from graphpoly.data.root_neighbors import root_neighbors
from graphpoly.settings import bounded

__all__ = ["BlockModel", "DegreeFunctions", "Draws", "Particles"]


@dataclass(frozen=True, kw_only=True)
class BlockModel(AsItIs):
    """The contextual stochastic block model.

    Attributes:
        num_nodes: Number of nodes.
        avg_degree: Mean degree.
        num_features: Columns of features.
        phi: From -1, heterophilous edges alone say something, to 1, homophilous ones.
        epsilon: How much the information exceeds what is needed at all.
        graph_seed: Seed of the graph; none for that of the run.
    """

    num_nodes: int = bounded(1000, low=30, high=20000)
    avg_degree: float = bounded(5.0, low=0)
    num_features: int = bounded(400, low=1)
    phi: float = bounded(-0.5, low=-1, high=1)
    epsilon: float = bounded(3.25, low=-1)
    graph_seed: int | None = bounded(None, low=0)


def _block_model(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    assert isinstance(reading, BlockModel)
    data = csbm(
        reading.num_nodes,
        reading.avg_degree,
        reading.num_features,
        phi=reading.phi,
        epsilon=reading.epsilon,
        seed=seed if reading.graph_seed is None else reading.graph_seed,
    )
    return node_problem(data)


offer(
    Dataset(
        name="csbm",
        title="a contextual stochastic block model",
        task="nodes",
        metric="accuracy",
        loss="ce",
        splits=("stratified", "dense", "sparse"),
        load=_block_model,
        source="Chien, Peng, Li, Milenkovic. Adaptive Universal Generalized PageRank Graph Neural "
        "Network. ICLR 2021",
        reading=BlockModel(),
        num_splits=3,
        drawn=True,
        stored=False,
    )
)


def _root_neighbors(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    """One data set, drawn from seed 0 as published; runs differ in their networks."""
    data, division = root_neighbors(seed=0)
    return Loaded(
        data=data,
        num_features=data.num_node_features,
        num_outputs=data.y.size(1),
        split=lambda name, seed: division,
        facts={"trees": 3000, "nodes": data.num_nodes, "edges": data.num_edges},
    )


_COOPERATIVE = (
    "Finkelshtein, Huang, Bronstein, Ceylan. Cooperative Graph Neural Networks. ICML 2024"
)
offer(
    Dataset(
        name="root-neighbors",
        title="RootNeighbors",
        task="nodes",
        metric="mae",
        loss="mse",
        splits=("root-neighbors",),
        load=_root_neighbors,
        stored=False,
        source=_COOPERATIVE,
        reading=AsItIs(),
        num_splits=3,
    )
)


@dataclass(frozen=True, kw_only=True)
class Draws(AsItIs):
    """Graphs that stand in the data several times, for networks that draw.

    Attributes:
        draws: How often each graph stands there: one draw says little of a network's accuracy.
    """

    draws: int = bounded(32, low=1)


class _Everything:
    """Training, validation and test set at once: can the graphs be told apart at all?"""

    name, index = "all", 0

    def __init__(self, count: int) -> None:
        self.train = self.val = self.test = torch.arange(count, device="cpu")


def _cycles(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    assert isinstance(reading, Draws)
    pairs: Any = cycle_pairs()
    graphs = pairs * reading.draws
    return Loaded(
        graphs=graphs,
        num_features=1,
        num_outputs=2,
        split=lambda name, seed: _Everything(len(graphs)),
        facts={"graphs": len(pairs), "draws": reading.draws},
    )


offer(
    Dataset(
        name="cycles",
        title="pairs of cycles",
        task="graphs",
        metric="accuracy",
        loss="ce",
        splits=("all",),
        load=_cycles,
        stored=False,
        source=_COOPERATIVE,
        reading=Draws(),
        num_splits=3,
    )
)


@dataclass(frozen=True, kw_only=True)
class DegreeFunctions(AsItIs):
    """Graphs, and how many of their nodes have one of certain degrees.

    Attributes:
        num_nodes: Nodes of each graph.
        kind: The parity of their number, or whether it is above its mean.
        p: Probability of an edge.
        train, val, test: Graphs of each part.
    """

    num_nodes: int = bounded(15, low=1)
    kind: str = bounded("parity", choices=DEGREE_FUNCTIONS)
    p: float = bounded(0.5, low=0, high=1)
    train: int = bounded(2000, low=1)
    val: int = bounded(500, low=1)
    test: int = bounded(1000, low=1)


def _degree_functions(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    """Degrees and graphs of each run's own."""
    assert isinstance(reading, DegreeFunctions)
    sizes = [reading.train, reading.val, reading.test]
    graphs = degree_functions(
        sum(sizes), reading.num_nodes, kind=reading.kind, p=reading.p, seed=seed
    )
    fold = GraphFold("drawn", seed, *torch.arange(sum(sizes)).split(sizes))
    return Loaded(
        graphs=graphs,
        num_features=1,
        num_outputs=2,
        split=lambda name, seed: fold,
        facts={"graphs": len(graphs), "nodes": reading.num_nodes},
    )


offer(
    Dataset(
        name="degree-function",
        title="the parity of the number of nodes of certain degrees",
        task="graphs",
        metric="accuracy",
        loss="ce",
        splits=("drawn",),
        load=_degree_functions,
        source="Kiani, Le, Lawrence, Jegelka, Weber. On the hardness of learning under symmetries. "
        "ICLR 2024",
        reading=DegreeFunctions(),
        num_splits=3,
        drawn=True,
        stored=False,
    )
)


@dataclass(frozen=True, kw_only=True)
class Particles(AsItIs):
    """Systems of charged particles, those of the published program.

    Attributes:
        num_particles: Particles of each system.
        train, val, test: Systems of each part.
        first: Frame that is given, of 100 steps each.
        last: Frame that is asked for.
    """

    num_particles: int = bounded(5, low=1)
    train: int = bounded(3000, low=1)
    val: int = bounded(2000, low=1)
    test: int = bounded(2000, low=1)
    first: int = bounded(30, low=0)
    last: int = bounded(40, low=0)


# numbers of the first systems of each part in the published draw
_STARTS = (0, 10_000, 12_000)


def _particles(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    assert isinstance(reading, Particles)
    sizes = [reading.train, reading.val, reading.test]
    frames = {"first": reading.first, "last": reading.last}
    graphs, end = [], 0
    for size, published in zip(sizes, _STARTS, strict=True):
        start = max(end, published)
        graphs += n_body(size, reading.num_particles, skip=start, **frames)
        end = start + size
    fold = GraphFold("n-body", 0, *torch.arange(sum(sizes)).split(sizes))
    return Loaded(
        graphs=graphs,
        num_features=1,
        num_outputs=3,
        split=lambda name, seed: fold,
        facts={"graphs": len(graphs), "particles": reading.num_particles},
    )


offer(
    Dataset(
        name="n-body",
        title="charged particles",
        task="positions",
        metric="mse",
        loss="mse",
        splits=("n-body",),
        load=_particles,
        stored=False,
        source="Satorras, Hoogeboom, Welling. E(n) Equivariant Graph Neural Networks. ICML 2021",
        reading=Particles(),
        num_splits=3,
    )
)


class _Interior:
    name, index = "interior", 0


def _images(response: str) -> Any:
    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        data = image_filter_task(load_images(root, dtype=torch.float64), response)
        assert data.x is not None
        channels = data.x.size(1)
        return Loaded(
            data=data,
            num_features=channels,
            num_outputs=channels,
            split=lambda name, seed: _Interior(),
            facts={"nodes": data.num_nodes, "edges": data.num_edges, "images": channels},
        )

    return load


for _response in IMAGE_RESPONSES:
    offer(
        Dataset(
            name=f"images-{_response}",
            title=f"the {_response} filter on 50 images",
            task="signals",
            metric="sse",
            loss="mse",
            splits=("interior",),
            load=_images(_response),
            source="He, Wei, Huang, Xu. BernNet: Learning Arbitrary Graph Spectral Filters via "
            "Bernstein Approximation. NeurIPS 2021",
            reading=AsItIs(),
            num_splits=1,
        )
    )
