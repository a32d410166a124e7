"""Probabilistically rewired message passing."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GIN, MLP

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import to_edges
from graphpoly.ops.edge_masks import carried_masks
from graphpoly.ops.entry import as_size, check_ascending, check_batch, check_index
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register
from graphpoly.rewiring.learned.features import check_features
from graphpoly.rewiring.learned.pairs import (
    PaddedPairs,
    candidate_pairs,
    existing_pairs,
    pad_pairs,
)
from graphpoly.rewiring.learned.sampler import SubsetSampler

__all__ = ["PRMPNN"]

COMBINE = ("mean", "concat")


def _example() -> PRMPNN:
    from torch_geometric.nn import GCNConv

    return PRMPNN(GCNConv(8, 4), 8, num_added=2, num_deleted=1, hidden_channels=8)


@register(
    "model",
    paper="Qian, Manolache, Ahmed, Zeng, Van den Broeck, Niepert, Morris. Probabilistically "
    "Rewired Message-Passing Neural Networks. ICLR 2024",
    arxiv="2310.02156",
    example=_example,
    tags={
        "complexity": "O(P k) to sample, P candidate pairs of a graph",
        "expressivity": "beyond 1-WL in expectation",
    },
)
class PRMPNN(Pretrained):
    r"""Rewires each graph as an upstream network wants it, then runs another on it.

    .. math::
        \theta_{uv} = \mathrm{MLP}([h_u \,\|\, h_v]) + \mathrm{MLP}([h_v \,\|\, h_u]),
        \qquad h = \mathrm{up}(X, A)

    Exactly ``num_added`` of the candidate pairs are joined and exactly ``num_deleted`` of the edges
    are taken away, see :class:`~graphpoly.rewiring.learned.SubsetSampler`; the downstream module
    gets the edges of both with weights of 0 and 1, through which the gradient comes back. Each of
    ``num_priors`` priors has scores of its own, and its own rewired graph.

    Args:
        downstream: Any layer or network with ``forward(x, edge_index, edge_weight)``; further
            arguments of forward are passed on.
        in_channels: Size of the features that the upstream network reads.
        num_added: Pairs to join in each graph; all candidates where there are no more.
        num_deleted: Edges to take away from each graph.
        num_candidates: Consider only so many pairs of each graph, those farthest apart. Default all
            pairs without an edge.
        num_priors: Number of priors.
        upstream: Network with ``forward(x, edge_index)`` that gives ``[N, hidden_channels]``;
            default a GIN of two layers.
        hidden_channels: Width of the upstream network.
        estimator: How gradients come back, see :class:`~graphpoly.rewiring.learned.SubsetSampler`.
        temperature: Of that sampler.
        combine: ``"mean"`` of what comes out for each prior, or ``"concat"``.
        with_original: Have what comes out for the given graph among them.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index`` :math:`(2, E)`, where both directions
          of an edge are one pair, ``edge_weight`` :math:`(E)`, ``batch`` :math:`(N)`, in order
        - **output:** that of the downstream module; times the number of graphs with ``"concat"``

    Complexity: listing the candidates is a breadth-first search from each node, O(n E); give them
    as ``candidates`` where the graph stays the same. Sampling takes P steps on tables of k numbers.

    Differences from the paper: an edge is one element, with one score for both directions; samples
    follow the distribution whose marginals are differentiated; ``eval()`` takes the most likely
    subsets and is deterministic.

    >>> from torch_geometric.nn import GCNConv
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> PRMPNN(GCNConv(5, 2), 5, num_added=1)(torch.randn(4, 5), path).shape
    torch.Size([4, 2])
    """

    compliance_exceptions: ClassVar[dict[str, str]] = {
        "gradcheck": "scores move the marginals of a subset, whose gradient stands for its own"
    }

    def __init__(
        self,
        downstream: nn.Module,
        in_channels: int,
        *,
        num_added: int,
        num_deleted: int = 0,
        num_candidates: int | None = None,
        num_priors: int = 1,
        upstream: nn.Module | None = None,
        hidden_channels: int = 64,
        estimator: str = "simple",
        temperature: float = 1.0,
        combine: str = "mean",
        with_original: bool = False,
    ) -> None:
        super().__init__()
        if "edge_weight" not in inspect.signature(downstream.forward).parameters:
            raise TypeError(
                f"downstream: {type(downstream).__name__}.forward takes no edge_weight, through "
                "which the gradient of the rewiring has to come"
            )
        if num_candidates is not None and num_candidates < num_added:
            raise ValueError(
                f"num_candidates: got {num_candidates}, expected at least num_added={num_added}"
            )
        counts = {"num_priors": num_priors, "hidden_channels": hidden_channels}
        for name, size in {"in_channels": in_channels, **counts}.items():
            as_size(name, size, least=1)
        if combine not in COMBINE:
            raise unknown("combine", combine, COMBINE)
        self.in_channels = in_channels
        self.num_added, self.num_deleted = num_added, num_deleted
        self.num_candidates, self.num_priors = num_candidates, num_priors
        self.hidden_channels = hidden_channels
        self.estimator, self.temperature = estimator, temperature
        self.combine, self.with_original = combine, with_original
        self.downstream = downstream
        self.upstream = upstream
        if upstream is None:
            self.upstream = GIN(in_channels, hidden_channels, num_layers=2)
        sizes = [2 * hidden_channels, hidden_channels, num_priors]
        self.score_added = MLP(sizes, norm=None) if num_added else None
        self.score_deleted = MLP(sizes, norm=None) if num_deleted else None
        rule: dict[str, Any] = {"estimator": estimator, "temperature": temperature}
        self.add = SubsetSampler(num_added, **rule)
        self.delete = SubsetSampler(num_deleted, **rule)

    def reset_parameters(self) -> None:
        """Draw new parameters in all parts that can."""
        for module in (self.downstream, self.upstream, self.score_added, self.score_deleted):
            reset: Any = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        *,
        candidates: Tensor | None = None,
        generator: torch.Generator | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Rewire and run.

        Args:
            x: ``[N, F]``.
            edge_index: The graph.
            edge_weight: ``[E]``; added edges weigh 1.
            batch: Graph of each node, ``[N]``, in ascending order.
            candidates: Pairs that may be joined, ``[2, P]``, each once.
            generator: Where subsets are drawn from in ``train()``, and the downstream module draws
                from if it takes one; default torch's global one.
            **kwargs: For the downstream module.
        """
        check_features("PRMPNN", x, self.in_channels)
        size = x.size(0)
        edge_index, edge_weight = to_edges(edge_index, edge_weight, size=(size, size))
        check_index("edge_index", edge_index.flatten(), size)
        edge_index = edge_index.long()  # with int32 PyG's layers have other gradients
        check_batch(batch, size)
        check_ascending(batch)
        graph = x.new_zeros(size, dtype=torch.int64) if batch is None else batch
        count = int(graph[-1]) + 1 if size else 0
        weight = x.new_ones(edge_index.size(1)) if edge_weight is None else edge_weight.to(x.dtype)
        named = inspect.signature(self.downstream.forward).parameters
        given = {"batch": batch, "generator": generator}
        kwargs |= {key: held for key, held in given.items() if held is not None and key in named}
        found = []
        if self.with_original:
            found.append(self.downstream(x, edge_index, edge_weight=weight, **kwargs))
        assert self.upstream is not None
        hidden = self.upstream(x, edge_index)
        pairs, which = existing_pairs(edge_index, size)
        old = pad_pairs(pairs, graph, count)
        new = None
        if self.score_added is not None:
            if candidates is None:
                ptr = torch.cat([graph.new_zeros(1), torch.bincount(graph, minlength=count)])
                candidates = candidate_pairs(edge_index, size, ptr.cumsum(0), self.num_candidates)
            new = pad_pairs(candidates, graph, count)
        for prior in range(self.num_priors):
            edges, weights = [edge_index], weight
            if self.score_deleted is not None:
                gone = self._chosen(self.score_deleted, self.delete, hidden, old, prior, generator)
                stay = torch.cat([1 - gone, gone.new_ones(1)])  # the last one is for loops
                weights = weights * take_rows(stay, which % stay.numel())
            if new is not None and self.score_added is not None:
                joined = self._chosen(self.score_added, self.add, hidden, new, prior, generator)
                edges += [new.pairs, new.pairs.flip(0)]
                weights = torch.cat([weights, joined, joined])
            wired = torch.cat(edges, 1)
            place = torch.arange(wired.size(1), device=x.device)
            place = torch.where(place < edge_index.size(1), place, -1)
            if not (self.training and torch.is_grad_enabled()):
                there = weights != 0
                wired, weights, place = wired[:, there], weights[there], place[there]
            with carried_masks(self.downstream, wired, place):
                found.append(self.downstream(x, wired, edge_weight=weights, **kwargs))
        return torch.cat(found, -1) if self.combine == "concat" else torch.stack(found).mean(0)

    @staticmethod
    def _chosen(
        score: nn.Module,
        sampler: SubsetSampler,
        hidden: Tensor,
        rows: PaddedPairs,
        prior: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """0 or 1 for each pair."""
        u, v = (take_rows(hidden, ends) for ends in rows.pairs)
        theta = score(torch.cat([u, v], 1)) + score(torch.cat([v, u], 1))
        return rows.flat(sampler(rows.rows(theta[:, prior]), rows.mask, generator=generator))

    def __repr__(self) -> str:
        names = ["num_added", "num_deleted", "num_candidates", "num_priors", "hidden_channels"]
        names += ["estimator", "temperature", "combine", "with_original"]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"PRMPNN({self.downstream}, {self.in_channels}, {arguments})"
