"""Graphs of many families with labels that small graphs teach and large ones ask for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["EXTRAPOLATION_FAMILIES", "EXTRAPOLATION_TASKS", "extrapolation_graphs"]

EXTRAPOLATION_TASKS = (
    "inverse_size",
    "max_degree",
    "harmonic",
    "node_harmonic",
    "shortest_path",
)
HOPS = 2  # edges of the shortest paths
_LEAST = 8  # nodes; below, there are no graphs in which each node has 6 neighbours


def _erdos_renyi(size: int, rng: random.Random) -> nx.Graph:
    while True:
        graph = nx.gnp_random_graph(size, rng.uniform(0.15, 0.5), seed=rng.randrange(2**32))
        if nx.is_connected(graph):
            return graph


def _expander(size: int, rng: random.Random) -> nx.Graph:
    """A random regular graph, connected with all but vanishing probability."""
    while True:
        graph = nx.random_regular_graph(rng.choice((4, 6)), size, seed=rng.randrange(2**32))
        if nx.is_connected(graph):
            return graph


def _barabasi_albert(size: int, rng: random.Random) -> nx.Graph:
    return nx.barabasi_albert_graph(size, rng.choice((2, 3, 4)), seed=rng.randrange(2**32))


def _tree(size: int, rng: random.Random) -> nx.Graph:
    """A recursive tree: each node joins one that is there, each of them alike."""
    return nx.Graph([(rng.randrange(node), node) for node in range(1, size)])


EXTRAPOLATION_FAMILIES: dict[str, Callable[[int, random.Random], nx.Graph]] = {
    "erdos_renyi": _erdos_renyi,
    "expander": _expander,
    "barabasi_albert": _barabasi_albert,
    "tree": _tree,
    "path": lambda size, rng: nx.path_graph(size),
    "star": lambda size, rng: nx.star_graph(size - 1),
}


@on_cpu()
def extrapolation_graphs(
    task: str,
    num_graphs: int,
    sizes: tuple[int, int] = (20, 30),
    *,
    families: Sequence[str] = ("erdos_renyi", "expander", "barabasi_albert", "tree"),
    seed: int = 0,
) -> list[Data]:
    r"""Draw connected graphs and label them.

    ===================  =====  =========================================================
    task                 of     label
    ===================  =====  =========================================================
    ``"inverse_size"``   graph  :math:`1 / n`
    ``"max_degree"``     graph  :math:`\max_v d_v`
    ``"harmonic"``       graph  :math:`n / \sum_v d_v^{-1}`, the harmonic mean of degrees
    ``"node_harmonic"``  node   :math:`d_v / \sum_{u \sim v} x_u^{-1}`, x uniform in [1, 5]
    ``"shortest_path"``  node   length of the shortest path from a random source that has
                                at most two edges, whose lengths are uniform in [1, 5]
    ===================  =====  =========================================================

    Args:
        task: One of these.
        num_graphs: How many; the families take turns.
        sizes: Least and largest number of nodes n, drawn uniformly.
        families: Of ``EXTRAPOLATION_FAMILIES``: Erdős-Rényi graphs (p uniform in [0.15, 0.5]),
            expanders (random regular, of degree 4 or 6), Barabási-Albert graphs (2 to 4 edges a
            node), recursive trees, paths, stars.
        seed: Seed of everything that is drawn.

    Returns:
        Graphs with ``edge_index`` (both directions), ``x`` ``[n, 1]`` (ones where nothing else is
        said; for shortest paths 1 at the source and 0 elsewhere), ``y`` ``[1, 1]`` or ``[n, 1]``,
        and for nodes ``mask`` ``[n]``, which have a label. Graphs for shortest paths have
        ``edge_weight`` ``[E]``, lengths, and a loop of length 0 at each node, so that a path
        may rest.

    Raises:
        ValueError: If a name is unknown, a number is less than 1, or sizes are below 8 or in the
            wrong order.

    Notes:
        O(n + E) a graph. What harmonic means are taken of, the intervals and the two edges
        are choices made here.

    References:
        Ko, Kwon, Shin, Lee, Learning to Pool in Graph Neural Networks for Extrapolation, 2021,
        arXiv:2106.06210.

    Example:
        >>> small, large = extrapolation_graphs("max_degree", 2, (9, 9), families=["star", "path"])
        >>> small.y.item(), large.y.item()
        (8.0, 2.0)
    """
    if task not in EXTRAPOLATION_TASKS:
        raise unknown("task", task, EXTRAPOLATION_TASKS)
    for name in families:
        if name not in EXTRAPOLATION_FAMILIES:
            raise unknown("family", name, EXTRAPOLATION_FAMILIES)
    if num_graphs < 1:
        raise ValueError(f"num_graphs: got {num_graphs}, expected at least 1")
    if not families:
        raise ValueError("families: got none")
    least, most = sizes
    if not _LEAST <= least <= most:
        raise ValueError(f"sizes: got {sizes}, expected two numbers in order, at least {_LEAST}")
    rng = random.Random(seed)
    generator = torch.Generator("cpu").manual_seed(seed)
    graphs = []
    for place in range(num_graphs):
        draw = EXTRAPOLATION_FAMILIES[families[place % len(families)]]
        graphs.append(_labelled(task, draw(rng.randint(least, most), rng), generator))
    return graphs


def _labelled(task: str, graph: nx.Graph, generator: torch.Generator) -> Data:
    size = len(graph)
    edge_index = torch.tensor(list(graph.to_directed().edges)).t().contiguous()
    source, target = edge_index
    degree = torch.bincount(target, minlength=size).double()
    data = Data(edge_index=edge_index, x=torch.ones(size, 1), num_nodes=size)
    if task == "shortest_path":
        return _paths(data, generator)
    if task == "node_harmonic":
        x = 1 + 4 * torch.rand(size, generator=generator)
        inverse = torch.zeros(size).double().index_add(0, target, 1 / x.double()[source])
        data.x = x.unsqueeze(1)
        data.y = (degree / inverse).float().unsqueeze(1)
        data.mask = torch.ones(size, dtype=torch.bool)
        return data
    label = {
        "inverse_size": 1 / torch.tensor(size).double(),
        "max_degree": degree.max(),
        "harmonic": size / (1 / degree).sum(),
    }[task]
    data.y = label.float().reshape(1, 1)
    return data


def _paths(data: Data, generator: torch.Generator) -> Data:
    """Lengths that are the same both ways, and the distances from a source."""
    size = int(data.num_nodes or 0)
    assert data.edge_index is not None
    one = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    length = 1 + 4 * torch.rand(one.size(1), generator=generator)
    loops = torch.arange(size).expand(2, size)
    data.edge_index = torch.cat([one, one.flip(0), loops], 1)
    data.edge_weight = torch.cat([length, length, torch.zeros(size)])
    start = int(torch.randint(size, (), generator=generator))
    distance = _walked(data.edge_index, data.edge_weight, start, size)
    data.x = torch.zeros(size, 1).index_fill(0, torch.tensor(start), 1)
    data.mask = distance.isfinite() & (distance > 0)
    data.y = torch.where(data.mask, distance, 0).unsqueeze(1)
    return data


def _walked(edge_index: Tensor, length: Tensor, start: int, size: int) -> Tensor:
    """Bellman and Ford's rounds, as many as a path may have edges."""
    source, target = edge_index
    distance = torch.full((size,), torch.inf).index_fill(0, torch.tensor(start), 0)
    for _ in range(HOPS):
        distance = distance.scatter_reduce(0, target, distance[source] + length, "amin")
    return distance
