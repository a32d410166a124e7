"""Batch Ollivier-Ricci flow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.utils import cumsum

from graphpoly.ops import edge_transport
from graphpoly.ops.balanced_forman import neighbour_sets
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.structure import Changes, Graphs, net_changes

__all__ = ["BORF"]

_TIE = 1e-9


@register(
    "transform",
    paper="Nguyen, Hieu, Nguyen, Ho, Osher, Nguyen. Revisiting Over-smoothing and Over-squashing "
    "using Ollivier-Ricci Curvature. ICML 2023",
    arxiv="2211.15779",
    example=lambda: BORF(1, 2, 1),
    tags={"complexity": "O(E d^3) once, then the edges nearby"},
)
@functional_transform("graphpoly_borf")
class BORF(Rewiring):
    r"""Add edges where the transport between neighbourhoods is dearest, and remove the cheapest.

    In each batch, by the Ollivier-Ricci curvatures of all edges: for each of the ``num_added``
    edges (i, j) of the smallest curvature, the pair (p, q) is joined, p a neighbour of i and q one
    of j, over which an optimal plan moves mass farthest, :math:`\pi_{pq} d(p, q)`; then the
    ``num_removed`` edges of the largest curvature are removed, where that is positive.

    Args:
        num_batches: Number of batches.
        num_added: Edges that a batch adds; fewer where pairs coincide or are joined already.
        num_removed: Edges that a batch removes.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store in ``edge_type`` which edges were added.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: one transport problem of d_i x d_j for each edge; after a batch only for the edges
    within reach of what it has changed.

    Differences from the paper: only edges of positive curvature are removed, so that no leaf is cut
    off. Of equal curvatures, within 1e-9, the edge with the smaller nodes comes first; which of
    several optimal plans is taken is left to the solver.
    """

    def __init__(
        self,
        num_batches: int = 3,
        num_added: int = 3,
        num_removed: int = 1,
        *,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        given = {"num_batches": num_batches, "num_added": num_added, "num_removed": num_removed}
        for name, value in given.items():
            if value < 0:
                raise ValueError(f"{name}: got {value}, expected at least 0")
        self.num_batches, self.num_added, self.num_removed = num_batches, num_added, num_removed

    def changes(self, graphs: Graphs) -> Changes:
        steps, adds = [torch.empty(2, 0, dtype=torch.int64)], [torch.empty(0, dtype=torch.bool)]
        for g in range(graphs.num_graphs):
            pairs, added = self._flow(graphs.single(g))
            steps.append(pairs + graphs.ptr[g])
            adds.append(added)
        return net_changes(graphs, torch.cat(steps, 1), torch.cat(adds))

    def _flow(self, graph: Graphs) -> tuple[Tensor, Tensor]:
        near, steps = neighbour_sets(graph.rowptr, graph.col), []
        curvature: dict[tuple[int, int], float] = {}
        farthest: dict[tuple[int, int], tuple[int, int]] = {}
        stale, rows = {(u, v) for u, v in graph.edges.T.tolist()}, (graph.rowptr, graph.col)
        for _ in range(self.num_batches):
            edges = sorted(stale)
            cost, moved = edge_transport(
                *rows, torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T
            )
            curvature.update(zip(edges, (1 - cost).tolist(), strict=True))
            farthest.update(zip(edges, map(tuple, moved.sort(0).values.T.tolist()), strict=True))
            order = sorted(curvature, key=lambda edge: (round(curvature[edge] / _TIE), edge))
            new = [farthest[edge] for edge in order[: self.num_added]]
            new = [(p, q) for p, q in dict.fromkeys(new) if p != q and q not in near[p]]
            old = sorted(order, key=lambda edge: (-round(curvature[edge] / _TIE), edge))
            old = [edge for edge in old[: self.num_removed] if curvature[edge] > _TIE]
            if not new and not old:
                break
            touched = {v for pair in (*new, *old) for v in pair}
            before = _around(near, touched)
            for u, v in new:
                near[u].add(v)
                near[v].add(u)
            for u, v in old:
                near[u].remove(v)
                near[v].remove(u)
                del curvature[u, v]
            steps += [(*pair, 1) for pair in new] + [(*pair, 0) for pair in old]
            rows = _rows(near)
            # distances of less than 3 between neighbours of both ends pass through one of them
            reach = before | _around(near, touched)
            stale = {(u, v) for u in reach for v in near[u] if u < v} | {
                (v, u) for u in reach for v in near[u] if v < u
            }
        table = torch.tensor(steps, dtype=torch.int64).reshape(-1, 3)
        return table[:, :2].T, table[:, 2].bool()


def _rows(near: list[set[int]]) -> tuple[Tensor, Tensor]:
    """Sets of neighbours in compressed rows."""
    count = torch.tensor([len(row) for row in near], dtype=torch.int64)
    col = torch.tensor([v for row in near for v in sorted(row)], dtype=torch.int64)
    return cumsum(count), col


def _around(near: list[set[int]], nodes: set[int]) -> set[int]:
    """Some nodes and their neighbours."""
    return nodes | {w for v in nodes for w in near[v]}
