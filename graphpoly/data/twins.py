"""Twins of OGB's datasets: drawn from their published counts, where the files are out of reach.

A twin has as many nodes, edges, features, classes and links of each part as its original, in the
fields that training reads, and goes the same way through loader, training and OGB's evaluator. So a
run on it shows the memory and the time that the original will take, and nothing about how well a
model does: nodes belong to communities that their features, labels and edges follow, and that is
all there is to be learned.

The counts stand in Hu et al. Open Graph Benchmark. NeurIPS 2020 (arXiv 2005.00687) and in the
descriptions of the datasets at ogb.stanford.edu.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu

__all__ = ["TWINS", "graph_twin", "link_twin", "node_twin", "original"]

SUFFIX = "-twin"
_HOMOPHILY = 0.65
_COMMUNITIES = 40


@dataclass(frozen=True)
class _Nodes:
    nodes: int
    edges: int
    split: tuple[int, int, int]
    features: int
    classes: int
    directed: bool = False
    tasks: int = 0  # binary ones, instead of classes
    edge_features: int = 0


@dataclass(frozen=True)
class _Links:
    nodes: int
    split: tuple[int, int, int]
    features: int
    negatives: tuple[int, int]  # of the validation part and of the test; of each source if ranked
    ranked: bool = False
    weighted: bool = False


@dataclass(frozen=True)
class _Graphs:
    split: tuple[int, int, int]
    nodes: float
    edges: float
    outputs: int
    molecules: bool


# fmt: off
_NODES = {
    "ogbn-arxiv": _Nodes(169_343, 1_166_243, (90_941, 29_799, 48_603), 128, 40, directed=True),
    "ogbn-products": _Nodes(2_449_029, 61_859_140, (196_615, 39_323, 2_213_091), 100, 47),
    "ogbn-proteins": _Nodes(132_534, 39_561_252, (86_619, 21_236, 24_679), 0, 2, tasks=112,
                            edge_features=8),
    "ogbn-mag": _Nodes(736_389, 5_416_271, (629_571, 64_879, 41_939), 128, 349, directed=True),
}
_LINKS = {
    "ogbl-ppa": _Links(576_289, (21_231_931, 6_062_562, 3_031_780), 58, (3_000_000, 3_000_000)),
    "ogbl-collab": _Links(235_868, (1_179_052, 60_084, 46_329), 128, (100_000, 100_000),
                          weighted=True),
    "ogbl-ddi": _Links(4_267, (1_067_911, 133_489, 133_489), 0, (101_882, 95_599)),
    "ogbl-citation2": _Links(2_927_963, (30_387_995, 86_596, 86_596), 128, (1_000, 1_000),
                             ranked=True),
}
_GRAPHS = {
    "ogbg-molpcba": _Graphs((350_343, 43_793, 43_793), 26.0, 28.1, 128, molecules=True),
    "ogbg-ppa": _Graphs((78_200, 45_100, 34_800), 243.4, 2_266.1, 37, molecules=False),
}
# fmt: on
TWINS = (*_NODES, *_LINKS, *_GRAPHS)


def original(name: str) -> str:
    """Return whose twin the name is, or nothing where it is no twin.

    >>> original("ogbn-arxiv-twin"), original("ogbn-arxiv")
    ('ogbn-arxiv', '')
    """
    held = name.removesuffix(SUFFIX)
    return held if held != name and held in TWINS else ""


@on_cpu()
def node_twin(
    name: str, *, part: int = 1, features: bool = True
) -> tuple[Sequence[Data], dict[str, Tensor]]:
    """Return the twin of a graph with labelled nodes, as ``load_ogb_node`` returns the original.

    Args:
        name: The original.
        part: Divide the numbers of nodes and edges by this.
        features: Whether nodes have theirs.
    """
    shape = _NODES[name]
    if part > 1:
        *some, _ = (count // part for count in shape.split)
        nodes = shape.nodes // part
        split = (some[0], some[1], nodes - sum(some))
        shape = replace(shape, nodes=nodes, edges=shape.edges // part, split=split)
    draw = _generator(name)
    block, pairs = _communities(
        shape.nodes, shape.edges, shape.classes if not shape.tasks else _COMMUNITIES, draw
    )
    rank = torch.randperm(shape.nodes, generator=draw)  # of age, or of sales
    index = dict(zip(("train", "valid", "test"), rank.split(shape.split), strict=True))
    data = Data(num_nodes=shape.nodes)
    if shape.directed:  # the younger one cites
        age = torch.empty_like(rank).scatter_(0, rank, torch.arange(shape.nodes))
        data.edge_index = torch.where(age[pairs[0]] > age[pairs[1]], pairs, pairs.flip(0))
        year = torch.empty(shape.nodes, 1, dtype=torch.long)
        for when, rows in zip((2017, 2018, 2019), index.values(), strict=True):
            year[rows] = when
        data.node_year = year
    else:
        data.edge_index = torch.cat([pairs, pairs.flip(0)], dim=1)
    if shape.features and features:
        data.x = _features(block, shape.features, draw)
    if shape.edge_features:
        level = torch.rand(_COMMUNITIES, shape.edge_features, generator=draw)
        values = torch.rand(shape.edges, shape.edge_features, generator=draw)
        data.edge_attr = (values * level[block[pairs[0]]]).repeat(2, 1)
    if shape.tasks:
        share = torch.rand(_COMMUNITIES, shape.tasks, generator=draw)[block]
        data.y = (torch.rand(shape.nodes, shape.tasks, generator=draw) < share).long()
    else:
        data.y = block.unsqueeze(1)
    return [data], index


@on_cpu()
def link_twin(name: str) -> tuple[Sequence[Data], dict[str, dict[str, Tensor]]]:
    """Return the twin of a graph whose links are asked for, as ``load_ogb_link`` returns it."""
    shape = _LINKS[name]
    draw = _generator(name)
    block, pairs = _communities(shape.nodes, sum(shape.split), _COMMUNITIES, draw)
    pairs = pairs[:, torch.randperm(pairs.size(1), generator=draw)]
    parts = dict(zip(("train", "valid", "test"), pairs.split(shape.split, dim=1), strict=True))
    held: dict[str, dict[str, Tensor]] = {}
    for part, links in parts.items():
        if not shape.ranked:
            held[part] = {"edge": links.t()}
        else:
            held[part] = {"source_node": links[0], "target_node": links[1]}
    for part, count in zip(("valid", "test"), shape.negatives, strict=True):
        if shape.ranked:
            size = (parts[part].size(1), count)
            held[part]["target_node_neg"] = torch.randint(shape.nodes, size, generator=draw)
        else:
            held[part]["edge_neg"] = _strangers(pairs, shape.nodes, count, draw).t()
    known = parts["train"]
    graph = known if shape.ranked else torch.cat([known, known.flip(0)], dim=1)
    data = Data(edge_index=graph, num_nodes=shape.nodes)
    if shape.features:
        data.x = _features(block, shape.features, draw)
    if shape.weighted:
        data.edge_weight = torch.ones(graph.size(1), 1, dtype=torch.long)
    return [data], held


@on_cpu()
def graph_twin(name: str) -> tuple[Any, dict[str, Tensor]]:
    """Return the twin of a set of graphs, as ``load_ogb_graph`` returns it.

    Each graph is drawn when it is asked for, the same one every time.
    """
    shape = _GRAPHS[name]
    order = torch.randperm(sum(shape.split), generator=_generator(name))
    parts = order.split(shape.split)
    return _Drawn(name), dict(zip(("train", "valid", "test"), parts, strict=True))


class _Drawn(Sequence[Data]):
    """Graphs that are drawn one at a time."""

    def __init__(self, name: str) -> None:
        self.name, self.shape = name, _GRAPHS[name]
        self.num_tasks = self.num_classes = self.shape.outputs
        self.transform: Callable[[Data], Data] | None = None

    def __len__(self) -> int:
        return sum(self.shape.split)

    @overload
    def __getitem__(self, index: int) -> Data: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Data]: ...
    @on_cpu()
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[int(index)]
        draw = _generator(f"{self.name} {place}")
        made = (_molecule if self.shape.molecules else _tangle)(self.shape, draw)
        return made if self.transform is None else self.transform(made)


def _molecule(shape: _Graphs, draw: torch.Generator) -> Data:
    """A path with branches that end soon, and a ring or some: as many edges as atoms and a few."""
    from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims

    count = 2 + int(torch.poisson(torch.tensor(shape.nodes - 2), generator=draw))
    atom = torch.arange(1, count)
    back = 1 + (torch.rand(count - 1, generator=draw) * torch.full((count - 1,), 3.0)).long()
    closing = int(torch.poisson(torch.tensor(shape.edges - shape.nodes + 1), generator=draw))
    ring = torch.randint(count, (closing,), generator=draw)
    pairs = torch.stack([torch.cat([atom, ring]), torch.cat([atom - back, ring - 5]).clamp(min=0)])
    pairs = pairs[:, pairs[0] != pairs[1]].unique(dim=1)
    bonds = _categories(pairs.size(1), get_bond_feature_dims(), draw)
    label = (torch.rand(1, shape.outputs, generator=draw) < 0.02).float()
    label[torch.rand(1, shape.outputs, generator=draw) < 0.4] = torch.nan
    return Data(
        x=_categories(count, get_atom_feature_dims(), draw),
        edge_index=torch.stack([pairs, pairs.flip(0)], dim=2).flatten(1),
        edge_attr=bonds.repeat_interleave(2, dim=0),
        y=label,
        num_nodes=count,
    )


def _tangle(shape: _Graphs, draw: torch.Generator) -> Data:
    """A graph without features of nodes, denser the higher its class is."""
    label = int(torch.randint(shape.outputs, (1,), generator=draw))
    count = 2 + int(torch.poisson(torch.tensor(shape.nodes - 2), generator=draw))
    wanted = shape.edges * (0.75 + 0.5 * label / (shape.outputs - 1))
    most = count * (count - 1) // 2
    size = min(int(torch.poisson(torch.tensor(wanted), generator=draw)), most)
    key = torch.randperm(most, generator=draw)[:size]
    low, high = torch.triu_indices(count, count, 1)[:, key]
    values = torch.rand(size, 7, generator=draw)
    return Data(
        edge_index=torch.stack([torch.cat([low, high]), torch.cat([high, low])]),
        edge_attr=values.repeat(2, 1),
        y=torch.tensor([[label]]),
        num_nodes=count,
    )


def _categories(rows: int, sizes: Sequence[int], draw: torch.Generator) -> Tensor:
    return (torch.rand(rows, len(sizes), generator=draw) ** 2 * torch.tensor(sizes)).long()


def _generator(name: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def _features(block: Tensor, features: int, draw: torch.Generator) -> Tensor:
    center = torch.randn(int(block.max()) + 1, features, generator=draw) * 0.3
    return torch.randn(len(block), features, generator=draw).add_(center[block])


def _communities(
    nodes: int, edges: int, blocks: int, draw: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw the community of each node and distinct pairs ``[2, edges]``, no node with itself.

    Degrees are lognormal; both ends of a pair are of one community with a probability of .65 and
    more.
    """
    size = torch.rand(blocks, generator=draw) + 0.1
    block = torch.multinomial(size, nodes, replacement=True, generator=draw)
    block[:blocks] = torch.arange(blocks)
    order = block.argsort(stable=True)
    mass = torch.randn(nodes, dtype=torch.float64, generator=draw).exp_().cumsum(0)
    bound = mass[torch.bincount(block, minlength=blocks).cumsum(0) - 1]
    start = torch.cat([bound.new_zeros(1), bound[:-1]])
    keys = order.new_empty(0)
    while keys.numel() < edges:
        count = max(int(1.05 * (edges - keys.numel())), edges // 8) + 16
        first = _places(mass, torch.rand(count, dtype=mass.dtype, generator=draw) * mass[-1])
        near = torch.rand(count, generator=draw) < _HOMOPHILY
        own = block[order[first]]
        low = torch.where(near, start[own], start[0])
        high = torch.where(near, bound[own], bound[-1])
        point = torch.rand(count, dtype=mass.dtype, generator=draw)
        second = _places(mass, point.mul_(high - low).add_(low))
        ends = order[first], order[second]
        key = torch.minimum(*ends) * nodes + torch.maximum(*ends)
        keys = torch.cat([keys, key[first != second]]).unique()
    spare = torch.randperm(len(keys), generator=draw)[: len(keys) - edges]
    kept = torch.ones(len(keys), dtype=torch.bool)
    kept[spare] = False
    keys = keys[kept]
    return block, torch.stack([keys // nodes, keys % nodes])


def _places(mass: Tensor, value: Tensor) -> Tensor:
    return torch.searchsorted(mass, value, right=True).clamp_(max=len(mass) - 1)


def _strangers(pairs: Tensor, nodes: int, count: int, draw: torch.Generator) -> Tensor:
    """Draw pairs ``[2, count]`` that are no links; some may be drawn twice."""
    keys = (pairs.min(0).values * nodes + pairs.max(0).values).sort().values
    found = keys.new_empty(0)
    while found.numel() < count:
        low, high = torch.randint(nodes, (2, 2 * count), generator=draw).sort(0).values
        key = (low * nodes + high)[low != high]
        place = torch.searchsorted(keys, key).clamp_(max=len(keys) - 1)
        found = torch.cat([found, key[keys[place] != key]])
    return torch.stack([found[:count] // nodes, found[:count] % nodes])
