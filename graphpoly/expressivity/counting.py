r"""Which counts of patterns can be read off a model that nobody has trained.

Random weights make random features of a graph. What a ridge regression on them predicts of new
graphs is what the model lays open without training; what it leaves is set against the spread of the
counts,

.. math::
    \mathrm{error} = \frac{\lVert y - \hat y \rVert}{\lVert y - \bar y \rVert},

0 for an exact fit, 1 for no better than the mean. Half of the graphs are regular: on these, sizes
and degrees tell nothing. Beside it stand the error of the same regression on sizes and degrees, and
the least error of anything that gives equal colours of 1-WL equal answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.expressivity.colors import wl_colors
from graphpoly.expressivity.files import of_networkx
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.identify import r2_bound
from graphpoly.expressivity.patterns import PATTERNS, count_patterns
from graphpoly.expressivity.probe import Probe

__all__ = ["CountError", "counting_errors", "counting_graphs", "random_columns", "ridge_errors"]

_TEST = 0.3  # share of the graphs that are tested on
_COLUMNS = 128  # features, from as many draws of weights as it takes
_MOST_COLUMNS = 256
_MOST_DRAWS = 16
_FOLDS = 5
_RIDGES = torch.logspace(-20, 2, 23, dtype=torch.float64, device="cpu")


@dataclass(frozen=True)
class CountError:
    """How well a pattern is counted.

    Attributes:
        pattern: One of :data:`~graphpoly.expressivity.PATTERNS`.
        graph: Error of the number in each graph, mean of all repetitions.
        graph_std: Its standard deviation.
        graph_degrees: The same from sizes and degrees alone.
        graph_wl: The least error, on all graphs, of anything that 1-WL bounds.
        node: Error of the number at each node; None where the model has no rows of nodes.
        node_std: Its standard deviation.
        node_degrees: The same from degrees alone.
        node_wl: The least error, on all nodes, of anything that 1-WL bounds.
    """

    pattern: str
    graph: float
    graph_std: float
    graph_degrees: float
    graph_wl: float
    node: float | None
    node_std: float | None
    node_degrees: float
    node_wl: float


@on_cpu()
def counting_graphs(count: int = 240, seed: int = 0) -> list[Data]:
    """Draw graphs with 10 to 16 nodes: regular ones, and others with as many edges.

    Args:
        count: How many; every second one is regular, of degree 3 to 5.
        seed: Of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    graphs = []
    for number in range(count):
        draw = torch.randint(0, 1 << 30, (3,), generator=generator).tolist()
        size, degree = 10 + 2 * (draw[0] % 4), 3 + draw[1] % 3
        if number % 2:
            graph = nx.random_regular_graph(degree, size, seed=draw[2])
        else:
            graph = nx.gnm_random_graph(size, size * degree // 2, seed=draw[2])
        graphs.append(of_networkx(graph))
    return graphs


@on_cpu()
def counting_errors(
    probe: Probe,
    patterns: Sequence[str] = tuple(PATTERNS),
    *,
    repeats: int = 3,
    count: int = 240,
    seed: int = 0,
    progress: Callable[[str], Any] | None = None,
) -> list[CountError]:
    """Measure how well each pattern can be counted from random features of the model.

    Args:
        probe: The model.
        patterns: Which patterns.
        repeats: How many times, each with its own weights and its own split.
        count: Number of graphs.
        seed: Of graphs and splits.
        progress: Told what is being done.
    """
    whole = GraphSet.of(counting_graphs(count, seed))
    counts = [count_patterns(whole, pattern) for pattern in patterns]
    graph, node = (torch.stack(part, 1).double() for part in zip(*counts, strict=True))
    alone = torch.arange(count)
    plain, plain_nodes = _degrees(whole)
    runs = []
    for repeat in range(repeats):
        if progress is not None:
            progress(f"counting: repetition {repeat + 1} of {repeats}")
        rows, node_rows = random_columns(probe, whole, first=repeat * _MOST_DRAWS)
        generator = torch.Generator().manual_seed(seed + repeat)
        test = torch.rand(count, generator=generator) < _TEST
        near = test[whole.batch], whole.batch
        errors = [
            ridge_errors(rows, graph, test, alone),
            ridge_errors(plain, graph, test, alone),
            torch.full((len(counts),), torch.nan, dtype=torch.float64),
            ridge_errors(plain_nodes, node, *near),
        ]
        if node_rows is not None:
            errors[2] = ridge_errors(node_rows, node, *near)
        runs.append(torch.stack(errors, 1))
    mean = torch.stack(runs).mean(0).tolist()
    std = torch.stack(runs).std(0, correction=0).tolist()
    colors = wl_colors(whole)
    found = []
    for number, pattern in enumerate(patterns):
        no_nodes = node_rows is None
        found.append(
            CountError(
                pattern=pattern,
                graph=mean[number][0],
                graph_std=std[number][0],
                graph_degrees=mean[number][1],
                graph_wl=_least(colors.graph, graph[:, number]),
                node=None if no_nodes else mean[number][2],
                node_std=None if no_nodes else std[number][2],
                node_degrees=mean[number][3],
                node_wl=_least(colors.node, node[:, number]),
            )
        )
    return found


@torch.no_grad()
@on_cpu()
def random_columns(
    probe: Probe, whole: GraphSet, *, first: int = 0, columns: int = _COLUMNS
) -> tuple[Tensor, Tensor | None]:
    """Return features of graphs ``[G, D]`` and of nodes ``[N, D]`` from several random weights.

    Args:
        probe: The model.
        whole: The graphs.
        first: Which draw of weights to begin with.
        columns: How many features are enough.
    """
    graphs: list[Tensor] = []
    nodes: list[Tensor] = []
    for draw in range(probe.draws(_MOST_DRAWS)):
        module = probe.draw(first + draw, probe.dtypes[0])
        graphs.append(probe.graphs(module, whole).double())
        seen = probe.nodes(module, whole)
        if seen is not None:
            nodes.append(torch.cat([seen.double(), seen.double().square()], 1))
        if sum(part.size(1) for part in graphs) >= columns:
            break
    return _thin(torch.cat(graphs, 1)), _thin(torch.cat(nodes, 1)) if nodes else None


def _thin(columns: Tensor) -> Tensor:
    """Every so many-th column of a wide model."""
    return columns[:, :: -(-columns.size(1) // _MOST_COLUMNS)]


@on_cpu()
def ridge_errors(columns: Tensor, targets: Tensor, test: Tensor, groups: Tensor) -> Tensor:
    """Fit by ridge regression and return the errors on the rows of the test.

    The ridge is the one with the least error in five folds of the training rows. What is predicted
    is kept within three times the range that training has seen.

    Args:
        columns: Features, ``[R, D]``.
        targets: ``[R, T]``.
        test: Which rows are tested on, ``[R]``, bool.
        groups: Rows of one group are in one fold, ``[R]``.

    Returns:
        For each target the root of the squared error over that of the mean of training, ``[T]``: 0
        for an exact fit, also where there is no spread.

    >>> rows = torch.arange(20.0).unsqueeze(1)
    >>> targets, test = 3 * rows + 1, torch.arange(20) % 3 == 1
    >>> bool(ridge_errors(rows, targets, test, torch.arange(20)) < 1e-9)
    True
    """
    x, y = columns.double(), targets.double()
    x = torch.where(x.isfinite().all(0), x, 0.0)
    train, fold = ~test, groups % _FOLDS
    left_out = y.new_zeros(_RIDGES.numel(), y.size(1))
    for number in range(_FOLDS):
        held = train & (fold == number)
        if bool(held.any()) and bool((train & ~held).any()):
            fitted = _predict(x, y, train & ~held, held)
            left_out += (fitted - y[held]).square().sum(1)
    fitted = _predict(x, y, train, test)
    best = fitted[left_out.argmin(0), :, torch.arange(y.size(1))].T
    spread = (y[test] - y[train].mean(0)).norm(dim=0)
    missed = (y[test] - best).norm(dim=0)
    return torch.where(spread > 0, missed / spread.clamp(min=1e-300), 0.0)


def _predict(x: Tensor, y: Tensor, train: Tensor, other: Tensor) -> Tensor:
    """Predictions of other rows from the rows of training for each ridge, ``[L, R', T]``."""
    center, spread = x[train].mean(0), x[train].std(0)
    kept = spread > 1e-12 * center.abs().clamp(min=1e-300)
    x = (x[:, kept] - center[kept]) / spread[kept]
    mean = y[train].mean(0)
    u, s, vh = torch.linalg.svd(x[train], full_matrices=False)
    if s.numel() == 0:
        return mean.expand(_RIDGES.numel(), int(other.sum()), -1)
    inverse = s / (s.square() + _RIDGES.unsqueeze(1) * s[0].square())
    along = u.T @ (y[train] - mean)
    fitted = mean + (x[other] @ vh.T) @ (inverse.unsqueeze(2) * along)
    low, high = y[train].min(0).values, y[train].max(0).values
    return fitted.clamp(2 * low - high, 2 * high - low)


def _degrees(whole: GraphSet) -> tuple[Tensor, Tensor]:
    """What sizes and degrees say of graphs ``[G, 4]``, and of nodes ``[N, 4]``."""
    degree = torch.bincount(whole.edge_index[0], minlength=whole.num_nodes).double()
    heard = torch.zeros_like(degree).index_add(0, whole.edge_index[1], degree[whole.edge_index[0]])
    node = torch.stack([degree, degree**2, heard, degree * heard], 1)
    powers = torch.stack([degree**k for k in range(4)], 1)
    graph = powers.new_zeros(whole.num_graphs, 4).index_add(0, whole.batch, powers)
    return graph, node


def _least(colors: Tensor, target: Tensor) -> float:
    """The error of the mean of each colour."""
    return max(0.0, 1.0 - r2_bound(colors, target)) ** 0.5
