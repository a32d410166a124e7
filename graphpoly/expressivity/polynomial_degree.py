r"""Up to which degree a model's outputs determine all equivariant polynomials of the adjacency.

The polynomials :math:`P_H` of simple connected multigraphs H are a basis; see
:mod:`graphpoly.ops.multigraph`. A model determines one of them as long as no two graphs (or nodes)
that it takes for equal, for all weights that were drawn, have different values. Where two do, no
readout of its outputs is that polynomial, however it is trained; where none do among the graphs
here, which are chosen to be alike, it was not refuted. Beside it stands what the operations of
message passing compute (H of treewidth 1: exactly up to degree 2) and those of PPGN (treewidth 2:
up to degree 5), and how many polynomials ridge regression on random features fits at once.

References:
    Puny, Lim, Kiani, Maron and Lipman, Equivariant Polynomials for Graph Neural Networks, ICML
    2023, arXiv:2302.11556.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_dense_adj

from graphpoly.devices import on_cpu
from graphpoly.expressivity.counting import counting_graphs, random_columns, ridge_errors
from graphpoly.expressivity.files import of_networkx
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.ladder import MARGIN, ladder_families, relabel, spread
from graphpoly.expressivity.probe import Probe
from graphpoly.ops import Multigraph, contract, contraction_plan, multigraphs

__all__ = ["Determined", "alike_graphs", "determined_polynomials", "exact_degree"]

_LARGEST = 16  # nodes
_MOST_FITTED = 5  # edges
_FITTED = 1e-6  # error of a fit that is exact up to rounding


@dataclass(frozen=True)
class Determined:
    """What a model makes of the polynomials of one degree.

    Attributes:
        place: ``"graph"`` or ``"node"``.
        degree: Number of edges.
        total: Number of polynomials.
        determined: Of how many no two values stand against one output.
        fitted: How many ridge regression gives exactly; None beyond degree 5.
        worst: The largest of its errors, relative to the spread; likewise.
        refuted_by: A polynomial that is not determined, in the notation of ``einsum``.
        message_passing: How many message passing computes.
        ppgn: How many PPGN does.
    """

    place: str
    degree: int
    total: int
    determined: int
    fitted: int | None
    worst: float | None
    refuted_by: str | None
    message_passing: int
    ppgn: int


@on_cpu()
def exact_degree(rows: Sequence[Determined], place: str) -> int | None:
    """Return the highest degree up to which all are determined; None where none was tried."""
    tried = sorted((row for row in rows if row.place == place), key=lambda row: row.degree)
    if not tried:
        return None
    missed = [row.degree for row in tried if row.determined < row.total]
    return missed[0] - 1 if missed else tried[-1].degree


@on_cpu()
def alike_graphs() -> list[Data]:
    """Return graphs of up to 16 nodes among which many are alike: those of the ladder, and more."""
    graphs = [
        graph
        for family in ladder_families()
        for graph in family.graphs
        if int(graph.num_nodes or 0) <= _LARGEST
    ]
    more = [nx.path_graph(2), nx.path_graph(3), nx.star_graph(3), nx.complete_graph(4)]
    more += [nx.cycle_graph(size) for size in (3, 4, 5, 7, 8, 12)]
    more += [nx.disjoint_union(nx.cycle_graph(a), nx.cycle_graph(b)) for a, b in _CYCLES]
    more += [nx.petersen_graph(), nx.circular_ladder_graph(5), nx.hypercube_graph(3)]
    more += [nx.random_regular_graph(4, size, seed=size) for size in (8, 8, 9, 10, 11, 12)]
    more += [nx.random_regular_graph(4, 8, seed=seed) for seed in range(3)]
    more += [nx.circulant_graph(8, [1, 2]), nx.complete_bipartite_graph(4, 4)]
    return graphs + [of_networkx(graph) for graph in more]


_CYCLES = ((3, 4), (3, 5), (4, 4), (3, 9), (4, 8), (5, 7), (6, 6))


@torch.no_grad()
@on_cpu()
def determined_polynomials(
    probe: Probe,
    *,
    degree: int = 6,
    weights: int = 5,
    copies: int = 4,
    graphs: int = 240,
    seed: int = 0,
) -> list[Determined]:
    """Ask which polynomials a model's outputs determine, and which are fitted from random features.

    Args:
        probe: The model.
        degree: Largest number of edges.
        weights: How many random weights; two graphs are equal where they are for all of them.
        copies: Numberings of each graph, for the noise.
        graphs: How many graphs are fitted on.
        seed: Of numberings, graphs and splits.

    Returns:
        A row for each degree, of graphs, and of nodes where the model has rows of them.
    """
    alike, whole = alike_graphs(), GraphSet.of(counting_graphs(graphs, seed))
    dense, mask = _dense(GraphSet.of(alike))
    fit_dense, fit_mask = _dense(whole)
    confused = dict(
        zip(("graph", "node"), _confused(probe, alike, weights, copies, seed), strict=True)
    )
    columns = dict(zip(("graph", "node"), random_columns(probe, whole), strict=True))
    test = torch.rand(graphs, generator=torch.Generator().manual_seed(seed)) < 0.3
    found = []
    for roots, place in enumerate(("graph", "node")):
        same, features = confused[place], columns[place]
        if same is None or features is None:
            continue
        groups = torch.arange(graphs) if place == "graph" else whole.batch
        for edges in range(1, degree + 1):
            patterns = multigraphs(edges, roots, "simple")
            values = _values(patterns, dense, mask, place)
            split = [_splits(same, column) for column in values.unbind(1)]
            errors = None
            if edges <= _MOST_FITTED:
                targets = _values(patterns, fit_dense, fit_mask, place)
                errors = ridge_errors(features, targets, test[groups], groups)
            widths = [contraction_plan(pattern).width for pattern in patterns]
            refuted = next((str(p) for p, yes in zip(patterns, split, strict=True) if yes), None)
            found.append(
                Determined(
                    place=place,
                    degree=edges,
                    total=len(patterns),
                    determined=len(patterns) - sum(split),
                    fitted=None if errors is None else int((errors < _FITTED).sum()),
                    worst=None if errors is None else float(errors.max()),
                    refuted_by=refuted,
                    message_passing=sum(width <= 1 for width in widths),
                    ppgn=sum(width <= 2 for width in widths),
                )
            )
    return found


def _confused(
    probe: Probe, graphs: list[Data], weights: int, copies: int, seed: int
) -> list[Tensor | None]:
    """Which pairs of graphs, and of nodes, have equal outputs for all weights."""
    generator = torch.Generator().manual_seed(seed)
    marked, orders = [], []
    for graph in graphs:
        size = int(graph.num_nodes or 0)
        held = Data(x=torch.arange(size).unsqueeze(1), edge_index=graph.edge_index, num_nodes=size)
        marked.append([relabel(held, generator) for _ in range(copies)])
        orders.append([copy.x.flatten() for copy in marked[-1]])
    # copy by copy, so that the rows of a copy stand together
    wholes = [GraphSet.of([held[c] for held in marked]) for c in range(copies)]
    ptr = wholes[0].ptr[:-1]
    back = [
        torch.cat([orders[g][c].argsort() + ptr[g] for g in range(len(graphs))])
        for c in range(copies)
    ]
    bare = [whole.strip() for whole in wholes]
    dtype = probe.dtypes[0]
    eps = torch.finfo(dtype).eps
    same: list[Tensor | None] = [None, None]
    for draw in range(probe.draws(weights)):
        module = probe.draw(draw, dtype)
        rows: list[list[Tensor]] = [[], []]
        for whole, order in zip(bare, back, strict=True):
            rows[0].append(probe.graphs(module, whole))
            nodes = probe.nodes(module, whole)
            if nodes is not None:
                rows[1].append(nodes[order])
        for place, held in enumerate(rows):
            if not held:
                continue
            center, noise = spread(torch.stack(held, 1).double(), eps)
            gap = torch.cdist(center, center, compute_mode="donot_use_mm_for_euclid_dist")
            near = gap <= MARGIN * torch.maximum(noise.unsqueeze(0), noise.unsqueeze(1))
            before = same[place]
            same[place] = near if before is None else near & before
    return same


def _dense(whole: GraphSet) -> tuple[Tensor, Tensor]:
    """Adjacencies ``[G, n, n]`` and which nodes are there ``[G, n]``."""
    most = int(whole.sizes.max())
    dense = to_dense_adj(whole.edge_index, whole.batch, max_num_nodes=most).double()
    return dense, torch.arange(most) < whole.sizes.unsqueeze(1)


def _values(patterns: Sequence[Multigraph], dense: Tensor, mask: Tensor, place: str) -> Tensor:
    """Values of polynomials, a column each: ``[G, P]`` or ``[N, P]``."""
    values = contract(patterns, dense, mask)
    return torch.stack(values if place == "graph" else [value[mask] for value in values], 1)


def _splits(same: Tensor, values: Tensor) -> bool:
    """Whether two that are equal to the model have different values."""
    return bool((same & (values.unsqueeze(0) != values.unsqueeze(1))).any())
