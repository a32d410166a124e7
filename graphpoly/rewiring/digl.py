"""Graph diffusion convolution, by PyG's own transform."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.data import Data
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import GDC

from graphpoly.ops.entry import affordable
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.measures.resistance import components
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["DIGL"]


@register(
    "transform",
    paper="Gasteiger, Weißenberger, Günnemann. Diffusion Improves Graph Learning. NeurIPS 2019",
    arxiv="1911.05485",
    example=lambda: DIGL(k=4),
    tags={"complexity": "O(N^3) time, O(N^2) memory"},
)
@functional_transform("graphpoly_digl")
class DIGL(Rewiring):
    r"""Replace the edges by those of a sparsified diffusion.

    .. math::
        S = \sum_k \alpha (1 - \alpha)^k T^k, \qquad T = D^{-1/2} (A + I) D^{-1/2}

    by :class:`torch_geometric.transforms.GDC`, of which each node keeps its ``k`` largest entries,
    or the graph those above ``eps``. A pair is joined where either direction is kept. Loops of S
    are left out; those of the graph stay. Where no path leads, S is 0 and joins nothing.

    Args:
        alpha: Probability of a return, :math:`\alpha`.
        k: Entries that each node keeps, itself included.
        eps: Threshold, in place of ``k``.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store in ``edge_type`` which edges were added.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: a dense inverse for each graph, O(N^3).

    Differences from the paper: S decides which edges there are, and does not weigh them; weights
    that the graph has belong to its edges and stay with them.

    >>> star = torch.tensor([[0, 0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0]])
    >>> DIGL(k=2)(Data(edge_index=star, num_nodes=4)).rewired.tolist()
    [[0, 0]]
    """

    def __init__(
        self,
        alpha: float = 0.15,
        *,
        k: int | None = None,
        eps: float | None = None,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        if not 0 < alpha < 1:
            raise ValueError(f"alpha: got {alpha}, expected between 0 and 1")
        if (k is None) == (eps is None):
            raise ValueError(f"k, eps: got {k} and {eps}, expected one of them")
        if k is not None and k < 1:
            raise ValueError(f"k: got {k}, expected at least 1")
        if eps is not None and not eps > 0:
            raise ValueError(f"eps: got {eps}, expected more than 0")
        self.alpha, self.k, self.eps = alpha, k, eps

    def changes(self, graphs: Graphs) -> Changes:
        empty = torch.empty(2, 0, dtype=torch.int64)
        added, removed = [empty], [empty]
        for g in range(graphs.num_graphs):
            graph = graphs.single(g)
            n = graph.num_nodes
            kept = self._diffused(graph) if n > 1 else empty
            low, high = kept.min(0).values, kept.max(0).values
            key = torch.unique((low * n + high)[low != high])
            old = graph.edges[0] * n + graph.edges[1]
            new = key[~torch.isin(key, old)]
            added.append(torch.stack([new // max(n, 1), new % max(n, 1)]) + graphs.ptr[g])
            removed.append(graph.edges[:, ~torch.isin(old, key)] + graphs.ptr[g])
        return Changes(torch.cat(added, 1), torch.cat(removed, 1))

    def _diffused(self, graph: Graphs) -> torch.Tensor:
        rule: dict[str, Any] = {"method": "threshold", "eps": self.eps}
        if self.k is not None:
            rule = {"method": "topk", "k": min(self.k, graph.num_nodes), "dim": 0}
        gdc = GDC(
            self_loop_weight=1,
            normalization_in="sym",
            normalization_out="sym",
            diffusion_kwargs={"method": "ppr", "alpha": self.alpha},
            sparsification_kwargs=rule,
            exact=True,
        )
        pairs = torch.stack([graph.row, graph.col])
        ones = torch.ones(pairs.size(1), dtype=torch.float64)
        data = Data(edge_index=pairs, edge_attr=ones, num_nodes=graph.num_nodes)
        data = affordable(f"DIGL, all pairs of {graph.num_nodes} nodes", gdc, data)
        part = components(graph)
        return data.edge_index[:, part[data.edge_index[0]] == part[data.edge_index[1]]]
