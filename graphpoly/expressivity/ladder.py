r"""Where on the ladder of refinement tests a model stands, by the pairs of graphs it tells apart.

The rungs are 1-WL (after so many rounds), 2-FWL, 3-FWL, 4-FWL; every pair has the lowest one that
separates it. A model that separates a pair is not bounded by the rungs below; one that takes the
two graphs for equal, for all weights that were drawn, does not reach that rung.

What counts as different is measured, not set. A graph under another numbering is the same graph, so
that whatever an output moves by then is noise, of rounding or of the model. Two graphs are apart
where

.. math::
    \lVert \bar f(A) - \bar f(B) \rVert > 10 \max_{G \in \{A, B\}} \max_\pi
    \lVert f(\pi G) - \bar f(G) \rVert

with the means over the numberings. The noise of a pair is at least what nine of ten graphs stay
within, and one unit in the last place: where all nodes are alike, no numbering shows any.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.expressivity.families import PAIRS, csl_family, regular_pair
from graphpoly.expressivity.files import of_networkx
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.pair import wl_certificate
from graphpoly.expressivity.probe import Probe

__all__ = [
    "MARGIN",
    "RUNGS",
    "Bracket",
    "Family",
    "Separation",
    "bracket",
    "exp_family",
    "ladder_families",
    "path_pair",
    "relabel",
    "separations",
    "spread",
    "sr_family",
]

RUNGS = ("nothing", "1-WL", "2-FWL", "3-FWL", "4-FWL")
MARGIN = 10.0  # how many times the noise a difference must be
_ROUNDS = 8
_USUAL = 0.9  # share of the graphs whose noise is taken for what rounding does


@dataclass(frozen=True)
class Family:
    """Graphs, and which pairs of them one rung is the first to tell apart.

    Attributes:
        name: Short.
        title: What the graphs are.
        needs: Index in :data:`RUNGS` of the first rung that separates every pair.
        graphs: The graphs.
        pairs: Indices of the two graphs of each pair.
        rounds: After how many rounds 1-WL does, for each pair; empty if it never does.
    """

    name: str
    title: str
    needs: int
    graphs: list[Data]
    pairs: list[tuple[int, int]]
    rounds: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Separation:
    """What a model makes of the pairs of a family.

    Attributes:
        family: Name.
        gap: Distance of the outputs, relative to their size, ``[W, P]`` for each dtype's name.
        noise: What relabelling moves them by, likewise.
    """

    family: str
    gap: dict[str, Tensor]
    noise: dict[str, Tensor]

    def apart(self, dtype: str | None = None) -> Tensor:
        """Return which weights tell which pairs apart, ``[W, P]``; in the widest dtype."""
        dtype = next(iter(self.gap)) if dtype is None else dtype
        return self.gap[dtype] > MARGIN * self.noise[dtype]

    def separated(self, dtype: str | None = None) -> Tensor:
        """Return which pairs are told apart by some weights, ``[P]``."""
        return self.apart(dtype).any(0)


@dataclass(frozen=True)
class Bracket:
    """Between which rungs a model stands.

    Attributes:
        at_least: Highest rung all of whose pairs are told apart, and those of all below.
        rounds: Where that is short of 1-WL: for how many of its rounds it holds; else None.
        at_most: Lowest rung above which no pair is told apart; None where a pair of the last is.
        beyond: A pair that shows the model is not bounded by the rung below ``at_most``.
        confused: The first pair that keeps it from the rung above ``at_least``.
    """

    at_least: str
    rounds: int | None
    at_most: str | None
    beyond: str | None
    confused: str | None

    def describe(self) -> str:
        """Say it in a line."""
        low = self.at_least
        if self.rounds is not None:
            low = f"{self.rounds} round{'s' * (self.rounds != 1)} of 1-WL"
        if self.at_most == low:
            return f"exactly {low} on these families"
        high = "no rung that was tested" if self.at_most is None else self.at_most
        return f"at least {low}, at most {high} on these families"


@on_cpu()
def path_pair(rounds: int) -> tuple[Data, Data]:
    """Return two graphs that 1-WL tells apart after exactly so many rounds.

    They are a path and a star of four nodes for one round; for more, two paths of 2m + 1 nodes
    each, and paths of 2m and of 2m + 2 nodes: a node must hear of both ends.

    Args:
        rounds: 1 or more; m is one less.
    """
    if rounds < 1:
        raise ValueError(f"rounds: got {rounds}, expected at least 1")
    if rounds == 1:
        return of_networkx(nx.path_graph(4)), of_networkx(nx.star_graph(3))
    m = rounds - 1
    odd, short, long = (nx.path_graph(2 * m + more) for more in (1, 0, 2))
    return of_networkx(nx.disjoint_union(odd, odd)), of_networkx(nx.disjoint_union(short, long))


@on_cpu()
def ladder_families() -> list[Family]:
    """Return the families that are made on the spot, the easiest first."""
    paths = [graph for rounds in range(1, _ROUNDS + 1) for graph in path_pair(rounds)]
    pairs = [(i, i + 1) for i in range(0, len(paths), 2)]
    families = [Family("paths", f"pairs of paths, 1 to {_ROUNDS} rounds apart", 1, paths, pairs)]
    square = nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(1))
    cospectral = [of_networkx(nx.star_graph(4)), of_networkx(square)]
    families.append(
        Family("cospectral", "a star, and a square and a node", 1, cospectral, [(0, 1)])
    )
    trees = defaultdict(list)
    for tree in nx.nonisomorphic_trees(9):
        trees[tuple(sorted(dict(tree.degree).values()))].append(of_networkx(tree))
    chosen = max(trees.values(), key=len)
    families.append(_all_pairs("trees", "trees with 9 nodes and the same degrees", 1, chosen))
    for name, (title, needs, make) in PAIRS.items():
        if name != "csl":
            families.append(Family(name, title, RUNGS.index(needs), list(make()), [(0, 1)]))
    draws = [regular_pair(3, 10 + 2 * draw, seed=draw) for draw in range(4)]
    regular = [graph for pair in draws for graph in pair]
    pairs = [(2 * draw, 2 * draw + 1) for draw in range(4)]
    families.append(Family("regular", "random cubic graphs", 2, regular, pairs))
    families.append(_all_pairs("csl", "circular skip links on 41 nodes", 2, csl_family()))
    families.sort(key=lambda family: family.needs)
    return [_with_rounds(family) for family in families]


@on_cpu()
def sr_family(graphs: Sequence[Data]) -> Family:
    """Return the 15 strongly regular graphs with 25 nodes as a family; see ``data.load_sr``."""
    bare = [Data(edge_index=data.edge_index, num_nodes=data.num_nodes) for data in graphs]
    return _all_pairs("sr25", "strongly regular graphs (25, 12, 5, 6)", 3, bare)


@on_cpu()
def exp_family(graphs: Sequence[Data], count: int = 20) -> Family:
    """Return the first pairs of EXP, whose nodes have labels; see ``data.load_exp``."""
    chosen = list(graphs[: 2 * count])
    pairs = [(i, i + 1) for i in range(0, len(chosen), 2)]
    return Family("exp", "EXP: formulas as graphs with labels", 2, chosen, pairs)


@on_cpu()
def relabel(data: Data, generator: torch.Generator) -> Data:
    """Return the same graph with its nodes and edges in another order."""
    size = int(data.num_nodes or 0)
    order = torch.randperm(size, generator=generator)
    edges = order[data.edge_index]
    edges = edges[:, torch.randperm(edges.size(1), generator=generator)]
    moved = Data(edge_index=edges, num_nodes=size)
    if data.x is not None:
        moved.x = torch.empty_like(data.x).index_copy_(0, order, data.x)
    return moved


@torch.no_grad()
@on_cpu()
def separations(
    probe: Probe,
    families: Sequence[Family],
    *,
    weights: int = 5,
    copies: int = 6,
    seed: int = 0,
    progress: Callable[[str], Any] | None = None,
) -> list[Separation]:
    """Run a model on all graphs under several numberings and measure who is apart.

    Args:
        probe: The model.
        families: The graphs.
        weights: How many random weights.
        copies: How many numberings of each graph, at least 2.
        seed: Of the numberings.
        progress: Told what is being done.

    Complexity: ``weights * copies * 2`` runs of the model on all graphs.
    """
    generator = torch.Generator().manual_seed(seed)
    graphs = [graph for family in families for graph in family.graphs]
    if any(graph.x is not None for graph in graphs):
        whole = _labelled(graphs, copies, seed)
    else:
        whole = GraphSet.of([relabel(graph, generator) for graph in graphs for _ in range(copies)])
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for dtype in probe.dtypes:
        name = str(dtype).removeprefix("torch.")
        found[name] = []
        for draw in range(probe.draws(weights)):
            if progress is not None:
                progress(f"ladder: {name}, weights {draw + 1} of {probe.draws(weights)}")
            out = probe.graphs(probe.draw(draw, dtype), whole).double()
            found[name].append(spread(out.view(len(graphs), copies, -1), torch.finfo(dtype).eps))
    separated, first = [], 0
    for family in families:
        one, other = (torch.tensor(family.pairs).T + first).unbind()
        first += len(family.graphs)
        gaps, noises = {}, {}
        for name, draws in found.items():
            rows = [_distances(center, noise, one, other) for center, noise in draws]
            gaps[name] = torch.stack([gap for gap, _ in rows])
            noises[name] = torch.stack([noise for _, noise in rows])
        separated.append(Separation(family.name, gaps, noises))
    return separated


@on_cpu()
def bracket(families: Sequence[Family], separated: Sequence[Separation]) -> Bracket:
    """Say between which rungs a model stands."""
    rows = [
        (family.needs, family.rounds[number] if family.rounds else 0, family, bool(apart))
        for family, each in zip(families, separated, strict=True)
        for number, apart in enumerate(each.separated())
    ]
    rows.sort(key=lambda row: row[:2])
    missed = next((row for row in rows if not row[3]), None)
    rounds = None
    if missed is None:
        at_least = RUNGS[max(row[0] for row in rows)]
    else:
        at_least = RUNGS[missed[0] - 1]
        if missed[0] == 1 and missed[1] > 1:
            at_least, rounds = RUNGS[1], missed[1] - 1
    best = max((row for row in rows if row[3]), key=lambda row: row[0], default=None)
    top = 0 if best is None else best[0]
    return Bracket(
        at_least=at_least,
        rounds=rounds,
        at_most=RUNGS[top] if top + 1 < len(RUNGS) else None,
        beyond=None if best is None or top < 2 else best[2].title,
        confused=None if missed is None else _words(missed[2], missed[1]),
    )


def _words(family: Family, rounds: int) -> str:
    """What a pair is; where a family is known by its rounds, after how many."""
    if len(set(family.rounds)) < 2:
        return family.title
    return f"{family.title}: after {rounds} round{'s' * (rounds != 1)}"


@on_cpu()
def spread(out: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return the centre of what is the same under other numberings, and what it moves by.

    Args:
        out: Rows of each graph (or node) under each numbering, ``[G, R, F]``.
        eps: Unit in the last place.

    Returns:
        Centres ``[G, F]``; and noise ``[G]``, at least the usual noise and ``eps``, for its size.
    """
    center = out.mean(1)
    size = center.norm(dim=1)
    noise = (out - center.unsqueeze(1)).norm(dim=2).amax(1)
    share = noise / size.clamp(min=torch.finfo(torch.float64).tiny)
    usual = torch.nanquantile(share, _USUAL)
    return center, torch.maximum(noise, size * usual.clamp(min=eps))


def _distances(center: Tensor, noise: Tensor, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    size = torch.maximum(center[one].norm(dim=1), center[other].norm(dim=1))
    size = size.clamp(min=torch.finfo(torch.float64).tiny)
    gap = (center[one] - center[other]).norm(dim=1)
    return gap / size, torch.maximum(noise[one], noise[other]) / size


def _labelled(graphs: Sequence[Data], copies: int, seed: int) -> GraphSet:
    """As for graphs without labels; where only some have any, the others have the first."""
    width = max(graph.x.size(1) for graph in graphs if graph.x is not None)
    generator = torch.Generator().manual_seed(seed)
    moved = []
    for graph in graphs:
        x = torch.eye(width)[torch.zeros(int(graph.num_nodes or 0), dtype=torch.int64)]
        if graph.x is not None:
            x = torch.nn.functional.pad(graph.x.float(), (0, width - graph.x.size(1)))
        held = Data(x=x, edge_index=graph.edge_index, num_nodes=graph.num_nodes)
        moved += [relabel(held, generator) for _ in range(copies)]
    return GraphSet.of(moved)


def _all_pairs(name: str, title: str, needs: int, graphs: list[Data]) -> Family:
    return Family(name, title, needs, graphs, list(itertools.combinations(range(len(graphs)), 2)))


def _with_rounds(family: Family) -> Family:
    if family.needs != 1:
        return family
    rounds = []
    for i, j in family.pairs:
        certificate = wl_certificate(family.graphs[i], family.graphs[j])
        assert certificate is not None
        rounds.append(certificate.round)
    return Family(family.name, family.title, 1, family.graphs, family.pairs, rounds)
