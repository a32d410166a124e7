"""A network, its graph and its test nodes, and an attack on them with growing budgets."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly.ops.cached import keeps_features
from graphpoly.robustness.bounds import FeatureBound, feature_bound
from graphpoly.robustness.estimate import expected_bound
from graphpoly.robustness.features import BALLS, pgd, random_perturbation
from graphpoly.robustness.losses import tanh_margin
from graphpoly.robustness.structure import (
    check_uncached,
    flip_edges,
    greedy_flips,
    random_flips,
)
from graphpoly.settings import Settings, bounded
from graphpoly.training import Progress
from graphpoly.training.forward import call_on_nodes, names

__all__ = ["ATTACKS", "READS", "Attack", "Target"]

# what each does, and the budgets it is given by default
ATTACKS = {
    "random": ("features drawn from the ball", (0.01, 0.03, 0.1, 0.3, 1.0)),
    "pgd": ("features by projected gradients", (0.01, 0.03, 0.1, 0.3, 1.0)),
    "flips": ("pairs of nodes drawn and flipped", (0.01, 0.02, 0.05, 0.1)),
    "greedy": ("pairs of nodes flipped by their gradient", (0.01, 0.02, 0.05, 0.1)),
}
_FEATURES = ("random", "pgd")
# the settings that each reads, beside its budgets
READS = {
    "random": ("ball", "samples"),
    "pgd": ("ball", "steps"),
    "flips": ("samples",),
    "greedy": ("candidates",),
}
_ROUNDS = 20  # of derivatives, at most, that a greedy attack is made of


class Target:
    """A trained network that classifies the nodes of a graph.

    Args:
        model: It is put into ``eval()`` and moved.
        data: The graph, with ``x``, ``y`` and ``edge_index``.
        mask: The nodes that count, ``[N]``.
        device: Where to compute.
    """

    def __init__(
        self, model: nn.Module, data: Data, mask: Tensor, *, device: str | torch.device = "cpu"
    ) -> None:
        self.model = model.to(device).eval()
        self.data = copy.copy(data).to(device)
        self.mask = mask.to(device)
        self.y = self.data.y.view(-1)[self.mask]
        with torch.no_grad():
            self.clean = self.outputs(self.data)

    @property
    def row_length(self) -> float:
        """Mean length of the features of a node."""
        return float(self.data.x.norm(dim=1).mean())

    @functools.cached_property
    def bound(self) -> FeatureBound | None:
        """How far features can move the outputs, where that is known."""
        weight = self.data.get("edge_weight")
        try:
            return feature_bound(self.model, self.data.x, self.data.edge_index, weight)
        except TypeError:
            return None

    def outputs(self, data: Data) -> Tensor:
        """Return what the network says of the nodes that count, ``[M, C]``."""
        return call_on_nodes(self.model, data)[self.mask]

    def changed(self, **attributes: Any) -> Data:
        """Return the graph with other tensors in the place of its own."""
        data = copy.copy(self.data)
        for name, value in attributes.items():
            setattr(data, name, value)
        return data

    @torch.no_grad()
    def scores(self, data: Data) -> tuple[float, float]:
        """Return the accuracy on a graph, and how far outputs moved on average."""
        found = self.outputs(data)
        right = (found.argmax(1) == self.y).double().mean()
        return float(right), float((found - self.clean).norm(dim=1).mean())


@dataclass(frozen=True, kw_only=True)
class Attack(Settings):
    """What is done to a network at test time, by somebody who knows its weights and the labels.

    Attributes:
        kind: random and pgd move features, flips and greedy edges.
        budgets: Ascending: radii of the ball that features stay in, or shares of the number of
            edges; none for the usual ones.
        ball: What a radius is of: the features of each node, each entry, or all together.
        samples: Draws of the random kinds.
        steps: Gradients of pgd.
        candidates: Pairs without an edge that greedy looks at in a step; none for all.
    """

    kind: str = bounded("pgd", choices=tuple(ATTACKS))
    budgets: tuple[float, ...] = ()
    ball: str = bounded("nodes", choices=BALLS)
    samples: int = bounded(10, low=1)
    steps: int = bounded(20, low=1)
    candidates: int | None = bounded(200_000, low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.budgets:
            object.__setattr__(self, "budgets", ATTACKS[self.kind][1])
        ascending = all(a < b for a, b in zip(self.budgets, self.budgets[1:], strict=False))
        if not ascending or self.budgets[0] <= 0:
            given = ",".join(f"{budget:g}" for budget in self.budgets)
            raise ValueError(
                f"budgets: got {given}, expected positive numbers, each above the last"
            )

    @property
    def on_features(self) -> bool:
        """Whether features are moved, and not edges."""
        return self.kind in _FEATURES

    def on(
        self, target: Target, *, seed: int = 0, progress: Progress | None = None
    ) -> list[dict[str, float | None]]:
        """Return accuracy, distance moved, bound and certified share, without and at each budget.

        Args:
            target: What is attacked.
            seed: Of all that is drawn.
            progress: Told of every step.

        Raises:
            ValueError: If edges are to be flipped of a graph or network that does not allow it.
        """
        accuracy, _ = target.scores(target.data)
        known = 1.0 if target.bound is not None and self.on_features else None
        rows: list[dict[str, float | None]] = [
            {
                "accuracy": accuracy,
                "moved": 0.0,
                "bound": None if known is None else 0.0,
                "certified": None if known is None else accuracy,
            }
        ]
        told = _Steps(progress, f"{self.kind}, seed {seed}")
        attacked = self._on_features if self.on_features else self._on_edges
        try:
            for budget, graphs in zip(self.budgets, attacked(target, seed, told), strict=True):
                scores = [target.scores(graph) for graph in graphs]
                right, moved = (math.fsum(each) / len(each) for each in zip(*scores, strict=True))
                rows.append({"accuracy": right, "moved": moved, **self._known(target, budget)})
        finally:
            told.stop()
        return rows

    def _known(self, target: Target, budget: float) -> dict[str, float | None]:
        bound = target.bound if self.on_features else None
        if bound is None:
            return {"bound": None, "certified": None}
        if self.kind == "random":
            far = expected_bound(bound, budget, ball=self.ball)
        else:
            far = bound.distance(budget, ball=self.ball)
        sure = bound.at(target.mask).certified(target.clean, target.y, budget, ball=self.ball)
        return {
            "bound": float(far[target.mask].mean()),
            "certified": float(sure.double().mean()),
        }

    def _on_features(self, target: Target, seed: int, told: _Steps) -> Iterator[Iterator[Data]]:
        if keeps_features(target.model):
            raise ValueError("model: cached=True holds features, which are moved here")
        x, draws = target.data.x, self.samples if self.kind == "random" else 1
        generator = torch.Generator(x.device).manual_seed(seed)
        told.start(len(self.budgets) * draws, "attack")

        def loss(moved: Tensor) -> Tensor:
            return tanh_margin(target.outputs(target.changed(x=moved)), target.y)

        def graphs(radius: float) -> Iterator[Data]:
            for _ in range(draws):
                if self.kind == "pgd":
                    moved = pgd(loss, x, radius, ball=self.ball, steps=self.steps)
                else:
                    moved = random_perturbation(x, radius, ball=self.ball, generator=generator)
                told.update()
                yield target.changed(x=moved)

        for radius in self.budgets:
            yield graphs(radius)

    def _on_edges(self, target: Target, seed: int, told: _Steps) -> Iterator[Iterator[Data]]:
        data, num_nodes = target.data, int(target.data.num_nodes or 0)
        _check_edges(target, derived=self.kind == "greedy")
        edges, weight = data.edge_index, data.get("edge_weight")
        inner = edges[:, edges[0] < edges[1]]
        counts = [round(budget * inner.unique(dim=1).size(1)) for budget in self.budgets]
        generator = torch.Generator().manual_seed(seed)

        def flipped(pairs: Tensor) -> Data:
            flips = flip_edges(edges, pairs, weight, num_nodes=num_nodes)
            return target.changed(edge_index=flips[0], edge_weight=flips[1])

        def loss(edge_index: Tensor, edge_weight: Tensor) -> Tensor:
            graph = target.changed(edge_index=edge_index, edge_weight=edge_weight)
            return tanh_margin(target.outputs(graph), target.y)

        if self.kind == "greedy":
            told.start(counts[-1], "flip")
            chosen = greedy_flips(
                loss,
                edges,
                counts[-1],
                num_nodes=num_nodes,
                edge_weight=weight,
                dtype=data.x.dtype,
                candidates=self.candidates,
                per_step=math.ceil(max(1, counts[-1]) / _ROUNDS),
                generator=generator,
                told=told.reach,
            )
            for count in counts:
                yield iter([flipped(chosen[:, :count])])
            return
        told.start(len(counts) * self.samples, "attack")

        def drawn(count: int) -> Iterator[Data]:
            for _ in range(self.samples):
                pairs = random_flips(edges, count, num_nodes=num_nodes, generator=generator)
                told.update()
                yield flipped(pairs)

        for count in counts:
            yield drawn(count)


class _Steps:
    """Progress that may be absent, counted from one."""

    def __init__(self, progress: Progress | None, label: str) -> None:
        self._progress, self._label = progress, label
        self._done, self._began = 0, False

    def start(self, total: int, what: str) -> None:
        self._began = True
        if self._progress is not None:
            self._progress.start(self._label, total, 0, what)

    def update(self) -> None:
        self.reach(self._done + 1)

    def reach(self, done: int) -> None:
        self._done = done
        if self._progress is not None:
            self._progress.update(done, {})

    def stop(self) -> None:
        if self._progress is not None and self._began:
            self._progress.stop()


def _check_edges(target: Target, *, derived: bool) -> None:
    """Raise a ValueError unless edges of this graph can be flipped under this network."""
    check_uncached(target.model)
    for name in ("edge_attr", "edge_type"):
        if target.data.get(name) is not None:
            raise ValueError(f"dataset: has {name}, which an edge that is added does not have")
    if derived and not names(target.model, "edge_weight"):
        kind = type(target.model).__name__
        raise ValueError(f"model: {kind} does not read edge_weight, no edge has a derivative")
