"""Small graphs that between them hold what breaks graph code."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

__all__ = ["ZOO", "graph_zoo"]

Edges = list[tuple[int, int]]

# name -> (what it covers, number of nodes, whether each edge goes both ways, its edges from a seed)
_GRAPHS: dict[str, tuple[str, int, bool, Callable[[int], Edges]]] = {
    "no_edges": ("nodes without a single edge", 4, True, lambda seed: []),
    "one_node": ("a single node", 1, True, lambda seed: []),
    "one_edge": ("two nodes and one edge in one direction", 2, False, lambda seed: [(0, 1)]),
    "isolated_nodes": (
        "isolated nodes between and behind the others",
        8,
        True,
        lambda seed: [(0, 2), (2, 5), (5, 0), (5, 6)],
    ),
    "self_loops": (
        "loops on some nodes, one of them on a node with nothing else",
        5,
        True,
        lambda seed: [(0, 0), (0, 1), (1, 2), (2, 2), (2, 3), (4, 4)],
    ),
    "duplicate_edges": (
        "the same edge twice and three times, with weights of their own",
        4,
        True,
        lambda seed: [(0, 1), (0, 1), (1, 2), (2, 3), (2, 3), (2, 3)],
    ),
    "directed": (
        "edges in one direction, with a source, a sink and a cycle",
        6,
        False,
        lambda seed: [(0, 1), (1, 2), (2, 3), (3, 1), (2, 4), (0, 4), (4, 5)],
    ),
    "star": ("one node of high degree", 9, True, lambda seed: [(0, i) for i in range(1, 9)]),
    "complete_bipartite": (
        "a bipartite graph: the spectrum is symmetric, -1 is an eigenvalue",
        7,
        True,
        lambda seed: [(i, j) for i in range(3) for j in range(3, 7)],
    ),
    "disconnected": (
        "three components of different sizes",
        9,
        True,
        lambda seed: [(0, 1), (1, 2), (2, 0), (3, 4), (5, 6), (6, 7), (7, 8)],
    ),
    "path": ("long distances", 10, True, lambda seed: list(nx.path_graph(10).edges)),
    "cycle": ("a regular graph of odd girth", 7, True, lambda seed: list(nx.cycle_graph(7).edges)),
    "barabasi_albert": (
        "skewed degrees",
        20,
        True,
        lambda seed: list(nx.barabasi_albert_graph(20, 2, seed=seed).edges),
    ),
    "erdos_renyi": (
        "no structure at all",
        16,
        True,
        lambda seed: list(nx.gnp_random_graph(16, 0.25, seed=seed).edges),
    ),
    "stochastic_block": (
        "three communities",
        18,
        True,
        lambda seed: list(
            nx.stochastic_block_model(
                [6, 6, 6], [[0.7 if i == j else 0.1 for j in range(3)] for i in range(3)], seed=seed
            ).edges
        ),
    ),
    "grid": (
        "two dimensions",
        12,
        True,
        lambda seed: list(nx.convert_node_labels_to_integers(nx.grid_2d_graph(3, 4)).edges),
    ),
}

ZOO: dict[str, str] = {name: covers for name, (covers, *_) in _GRAPHS.items()}
"""Name of each graph and what it covers."""


def graph_zoo(
    seed: int = 0,
    *,
    weighted: bool = False,
    num_features: int | None = None,
    dtype: torch.dtype = torch.float32,
    names: list[str] | None = None,
) -> dict[str, Data]:
    """Return small graphs by name; :data:`ZOO` says what each of them covers.

    Args:
        seed: Seeds the random graphs, the weights, the features and the order of the edges. The
            same seed gives the same graphs.
        weighted: Add ``edge_weight`` in [0.5, 1.5); both directions of an undirected edge weigh
            the same.
        num_features: Add normal features ``x`` of this size.
        dtype: Floating-point type of weights and features.
        names: Only these graphs.

    Returns:
        Graphs with ``edge_index`` (in random order), ``num_nodes`` and, as asked for,
        ``edge_weight`` and ``x``.

    Raises:
        KeyError: If a name is not in :data:`ZOO`.

    >>> zoo = graph_zoo(weighted=True)
    >>> zoo["star"]
    Data(edge_index=[2, 16], num_nodes=9, edge_weight=[16])
    """
    return {
        name: _build(name, seed, weighted, num_features, dtype)
        for name in (ZOO if names is None else names)
    }


def _build(
    name: str, seed: int, weighted: bool, num_features: int | None, dtype: torch.dtype
) -> Data:
    with torch.device("cpu"):  # drawn there, so that every device gets the same
        data = _draw(name, seed, weighted, num_features, dtype)
    return data.to(torch.get_default_device())


def _draw(
    name: str, seed: int, weighted: bool, num_features: int | None, dtype: torch.dtype
) -> Data:
    _, num_nodes, undirected, make = _GRAPHS[name]
    # a stream of its own for each graph, so that names= does not change what a graph looks like
    generator = torch.Generator("cpu").manual_seed(1000 * seed + list(ZOO).index(name))
    edges = torch.tensor(make(seed), dtype=torch.long).reshape(-1, 2).t()
    weight = 0.5 + torch.rand(edges.size(1), generator=generator, dtype=torch.float64)
    if undirected:
        edges, weight = _both_ways(edges, weight)
    order = torch.randperm(edges.size(1), generator=generator)
    data = Data(edge_index=edges[:, order].contiguous(), num_nodes=num_nodes)
    if weighted:
        data.edge_weight = weight[order].to(dtype)
    if num_features is not None:
        features = torch.randn(num_nodes, num_features, generator=generator, dtype=torch.float64)
        data.x = features.to(dtype)
    return data


def _both_ways(edges: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Add the other direction of each edge that is not a loop."""
    back = edges[0] != edges[1]
    return torch.cat([edges, edges.flip(0)[:, back]], dim=1), torch.cat([weight, weight[back]])
