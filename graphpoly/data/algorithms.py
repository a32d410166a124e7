"""Instances of classical algorithms with what a network is to imitate: every step of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from graphpoly.data import traces
from graphpoly.data.traces import Array, State
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["ALGORITHMS", "TraceData", "algorithm_traces", "hint_kinds"]

_OF_SOURCE: dict[str, Callable[[Array, int], Iterator[State]]] = {
    "bfs": traces.bfs,
    "bellman_ford": traces.bellman_ford,
    "prim": traces.prim,
}
_OF_KEYS: dict[str, Callable[[Array], Iterator[State]]] = {
    "minimum": traces.minimum,
    "insertion_sort": traces.insertion_sort,
    "quickselect": traces.quickselect,
}
ALGORITHMS = (*_OF_SOURCE, "floyd_warshall", *_OF_KEYS)
_ANSWERS = {"minimum": "least", "quickselect": "pivot"}  # by a mark; the others by pointers


class TraceData(Data):
    """A graph whose pointers, attributes that end in ``pointer``, are counted on in a batch."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the number of nodes for pointers, else what PyG does."""
        if key.endswith("pointer"):
            return self.num_nodes
        return super().__inc__(key, value, *args, **kwargs)


@on_cpu()
def algorithm_traces(
    algorithm: str,
    num_graphs: int,
    sizes: Sequence[int] = (4, 7, 11, 13, 16),
    *,
    p: float = 0.5,
    seed: int = 0,
) -> list[TraceData]:
    r"""Draw instances of a problem and run an algorithm on them, step by step.

    ====================  ============================  =========================================
    algorithm             answer                        hints beside the pointers
    ====================  ============================  =========================================
    ``"bfs"``             ``pointer``: the node before  ``reached``
    ``"bellman_ford"``    the same, shortest paths      ``reached``, ``distance``
    ``"prim"``            the same, least tree          ``marked``, ``queued``, ``key``, ``node``
    ``"floyd_warshall"``  ``pointer`` ``[E]``: the      ``reached``, ``distance`` (``[E, T]``),
                          node before j on the way      ``node``
                          from i, of each edge (i, j)
    ``"minimum"``         ``y``: a mark at the least    ``least``, ``node``; no pointers
    ``"insertion_sort"``  ``pointer``: what stands      ``node``, ``behind``
                          before in sorted order
    ``"quickselect"``     ``y``: a mark at the one      ``first``, ``last``, ``slot``, ``pivot``,
                          with n // 2 before it         ``node``; ``rank``, ``target`` (``[1, T]``)
    ====================  ============================  =========================================

    A pointer without an aim is the node itself: of a source, of what is not reached, of the first
    in order. Of a pair (i, j) without a way it is i. Each pointer of a node is an edge of the
    graph, loops included.

    Args:
        algorithm: One of ``ALGORITHMS``.
        num_graphs: How many.
        sizes: Numbers of nodes n, which take turns. A network that has learned small ones is asked
            for large ones by this argument alone: ``sizes=(64,)``.
        p: Probability of each edge of an undirected graph; read where the problem is one of graphs.
        seed: Seed of everything that is drawn.

    Returns:
        Graphs with

        - ``edge_index``: both directions of each edge, and loops; the complete graph with loops for
          numbers and for all pairs, in the order (0, 0), (0, 1), ...;
        - ``x`` ``[n, 2]``: the place i / n, and a mark at the source, or the number, uniform in
          (0, 1]; ``[n, 1]`` for all pairs;
        - ``edge_weight`` ``[E]`` where edges have lengths, uniform in (0, 1], alike in both
          directions, 0 on loops; for all pairs ``edge_mask`` ``[E]``, which edges there are,
          the others having 0;
        - the answer, ``pointer`` or ``y``;
        - ``hint_pointer`` ``[n, T]`` or ``[E, T]``, and a ``hint_NAME`` for each hint of the table,
          ``[n, T]`` where nothing else is said: the state at the start and after each step, the
          last of which holds the answer. What is not reached has distance and key 0;
        - ``steps`` ``[1, T]``: which steps there are. T is the same in the whole list; behind the
          last step its state is repeated.

    Raises:
        ValueError: If a name is unknown, a number is less than 1 or p is no probability.

    Notes:
        O(n^2) time a step, of which there are n + 1 or fewer; of quickselect O(n^2) at worst, about
        3.4 n on average. Lengths are added in double precision.

    References:
        Veličković et al., The CLRS Algorithmic Reasoning Benchmark, ICML 2022, arXiv:2205.15659.
        What differs: edges have probability p and lengths a uniform distribution (there p^2 and the
        root of a product); quickselect has the state at the start, too; a node is marked in the
        step that worked on it; the rank of quickselect is counted from the first place of the part
        in every step.

    Example:
        >>> data, = algorithm_traces("minimum", 1, (3,), seed=1)
        >>> data.x[:, 1].argmin() == data.y.int().argmax(), data.hint_least.int().tolist()
        (tensor(True), [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    """
    if algorithm not in ALGORITHMS:
        raise unknown("algorithm", algorithm, ALGORITHMS)
    if num_graphs < 1:
        raise ValueError(f"num_graphs: got {num_graphs}, expected at least 1")
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes: got {tuple(sizes)}, expected numbers of at least 1")
    if not 0 <= p <= 1:
        raise ValueError(f"p: got {p}, expected a probability")
    rng = np.random.default_rng(seed)
    drawn = [_drawn(algorithm, sizes[g % len(sizes)], p, rng) for g in range(num_graphs)]
    most = max(len(states) for _, states in drawn)
    return [_with_hints(algorithm, data, states, most) for data, states in drawn]


def hint_kinds(data: Data) -> dict[str, str]:
    """Say what each hint of a graph is: of nodes a pointer, a mask or a value, or of the graph.

    Args:
        data: A graph of :func:`algorithm_traces` with two nodes or more.

    Raises:
        ValueError: If its pointers are those of edges, or it has one node.

    Example:
        >>> hint_kinds(algorithm_traces("bellman_ford", 1)[0])
        {'pointer': 'pointer', 'distance': 'value', 'reached': 'mask'}
    """
    if data.num_nodes == 1:
        raise ValueError("data: got a graph of 1 node, whose hints tell nothing of their kinds")
    kinds = {}
    hints = {key: each for key, each in data.to_dict().items() if key.startswith("hint_")}
    for key, hint in hints.items():
        if hint.size(0) not in (1, data.num_nodes):
            raise ValueError(f"data: {key} is that of edges, of which there are no kinds")
        of_nodes = {torch.int64: "pointer", torch.bool: "mask"}.get(hint.dtype, "value")
        kind = of_nodes if hint.size(0) == data.num_nodes else "graph"
        kinds[key.removeprefix("hint_")] = kind
    return kinds


def _drawn(
    algorithm: str, size: int, p: float, rng: np.random.Generator
) -> tuple[TraceData, list[State]]:
    """Return what an algorithm is given, and its states."""
    place = torch.arange(size) / size
    pairs = torch.cartesian_prod(torch.arange(size), torch.arange(size)).t().contiguous()
    if algorithm in _OF_KEYS:
        keys = _uniform(rng, size)
        data = TraceData(x=torch.stack([place, torch.from_numpy(keys)], 1), edge_index=pairs)
        return data, list(_OF_KEYS[algorithm](keys.astype(float)))
    length = _lengths(size, p, rng)
    weight, there = torch.from_numpy(length).flatten(), torch.from_numpy(np.isfinite(length))
    there = there.flatten()
    if algorithm == "floyd_warshall":
        data = TraceData(x=place.unsqueeze(1), edge_index=pairs, edge_mask=there)
        data.edge_weight = torch.where(there, weight, 0)
        return data, list(traces.floyd_warshall(length))
    source = int(rng.integers(size))
    mark = (torch.arange(size) == source).to(place.dtype)
    data = TraceData(x=torch.stack([place, mark], 1), edge_index=pairs[:, there])
    if algorithm != "bfs":
        data.edge_weight = weight[there]
    return data, list(_OF_SOURCE[algorithm](length.astype(float), source))


def _uniform(rng: np.random.Generator, *size: int) -> Array:
    """Numbers in (0, 1], in single precision."""
    return 1 - rng.random(size, np.float32)


def _lengths(size: int, p: float, rng: np.random.Generator) -> Array:
    """Lengths of the edges of an undirected graph, ``[n, n]``, 0 on the diagonal."""
    length = np.where(rng.random((size, size)) < p, _uniform(rng, size, size), np.float32(np.inf))
    upper = np.triu(length, 1)
    return upper + upper.T


def _with_hints(algorithm: str, data: TraceData, states: list[State], most: int) -> TraceData:
    """Add the states, side by side, and the answer, which the last of them holds."""
    padded = states + states[-1:] * (most - len(states))
    for name in states[0]:
        hint = torch.from_numpy(np.stack([state[name].reshape(-1) for state in padded], 1))
        data[f"hint_{name}"] = hint.to(data.x.dtype) if hint.is_floating_point() else hint
    data.steps = (torch.arange(most) < len(states)).unsqueeze(0)
    answer = _ANSWERS.get(algorithm, "pointer")
    data["pointer" if answer == "pointer" else "y"] = data[f"hint_{answer}"][:, -1].clone()
    return data
