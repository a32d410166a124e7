"""Neural common neighbours with completion: what may be missing between the ends of a link."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from graphpoly.layers.arguments import check_sizes
from graphpoly.models.ncn import NCN, PAPER, LinkStates
from graphpoly.ops import CSR, spmm
from graphpoly.ops.adjacency import trusted_csr
from graphpoly.registry import register

__all__ = ["NCNC", "missing_neighbors"]


@register(
    "model",
    paper=PAPER,
    arxiv="2302.00890",
    example=lambda: NCNC(8, 16, dropout=0.0),
    tags={
        "expressivity": "that of NCN on a graph with its likely links",
        "complexity": "that of NCN for each pair and each neighbour of one end alone",
    },
)
class NCNC(NCN):
    r"""NCN after completion: a neighbour of one end counts by how likely the other end is its own.

    .. math::
        \sum_{u \in N(i) \cap N(j)} h_u
        + \sum_{u \in N(i) \setminus N(j)} P_{ju} h_u + \sum_{u \in N(j) \setminus N(i)} P_{iu} h_u,
        \qquad P = \frac{\alpha\, p\, p_0}{p\, p_0 + 1 - p_0}, \quad
        p_0 = \sigma(a (s - b))

    with the score s that :class:`NCN` gives with the same parameters. No gradient goes through P.
    With ``head="refined"``, s is the score of refined states, :math:`h_u + \psi(h_u)` in place of
    :math:`h_u` everywhere, as published: what is common is refined twice in P. In training, P
    leaves out neighbours of those that ``edge_dropout`` left.

    Args:
        in_channels, hidden_channels, num_layers, encoder, jk: As for :class:`NCN`.
        in_dropout, gnn_dropout, tail_dropout, edge_dropout, dropout: As for :class:`NCN`.
        head, score_layers: As for :class:`NCN`.
        alpha: Weight of what is completed; 0 gives NCN.
        prior: p, how likely a pair is a link before anything is known of it.
        scale: a.
        offset: b.
        num_scored: Pairs of a completion that are scored at once, which bounds the memory.

    Shapes:
        As for :class:`NCN`.

    Complexity: that of NCN for each pair and for each neighbour that only one of its ends has; what
    several pairs ask for, either way around, is scored once.

    Differences from the paper: those of :class:`NCN`; an end of the pair is never completed as a
    neighbour of itself; in training, dropout is drawn once for a score that several pairs ask for.

    >>> NCNC(4, 16, alpha=0.5)
    NCNC(4, 16, alpha=0.5)
    """

    printed: ClassVar[dict[str, object]] = {
        **NCN.printed,
        "alpha": 1.0,
        "prior": 0.75,
        "scale": 4.3,
        "offset": 2.8,
        "num_scored": 4096,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        encoder: str = "propagation",
        jk: bool = True,
        in_dropout: float = 0.0,
        gnn_dropout: float = 0.0,
        tail_dropout: float = 0.0,
        edge_dropout: float = 0.0,
        dropout: float = 0.0,
        head: str = "plain",
        score_layers: int = 1,
        alpha: float = 1.0,
        prior: float = 0.75,
        scale: float = 4.3,
        offset: float = 2.8,
        num_scored: int = 4096,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            encoder=encoder,
            jk=jk,
            in_dropout=in_dropout,
            gnn_dropout=gnn_dropout,
            tail_dropout=tail_dropout,
            edge_dropout=edge_dropout,
            dropout=dropout,
            head=head,
            score_layers=score_layers,
        )
        if not alpha >= 0 or not 0 <= prior <= 1:
            raise ValueError(
                f"alpha, prior: got {alpha} and {prior}, expected at least 0 and a share"
            )
        check_sizes(num_scored=num_scored)
        self.alpha = alpha
        self.prior = prior
        self.scale = scale
        self.offset = offset
        self.num_scored = num_scored

    def between(self, states: LinkStates, pairs: Tensor, x: Tensor | None = None) -> Tensor:
        """Return the summed states of common and of likely common neighbours, ``[P, C]``."""
        x = states.counted if x is None else x
        shared = super().between(states, pairs, x)
        if self.alpha == 0:
            return shared
        rows, candidates = missing_neighbors(states.adj, pairs)
        likely = self._likely(states, candidates)
        rowptr = torch.searchsorted(rows, torch.arange(pairs.size(1) + 1, device=rows.device))
        size = states.h.size(0)
        missing = trusted_csr(rowptr, candidates[1].contiguous(), likely, None, size, None)
        return shared + spmm(missing, x)

    def calibrated(self, score: Tensor) -> Tensor:
        """Return P of scores.

        >>> round(float(NCNC(4, 8).calibrated(torch.tensor(2.5))), 4)
        0.1711
        """
        # the same in logarithms of odds, which no certain score makes 0 / 0
        prior = math.log(self.prior) if self.prior else -math.inf
        return self.alpha * torch.sigmoid(self.scale * (score - self.offset) + prior)

    @torch.no_grad()
    def _likely(self, states: LinkStates, pairs: Tensor) -> Tensor:
        """Return P of pairs; one that comes again, or the other way around, is scored once."""
        h = states.counted
        again = None if self.refine is None else h + self.refine(h)
        states = LinkStates(h, self._thinned(states.adj), again)
        size = max(states.h.size(0), 1)
        key = pairs.min(0).values * size + pairs.max(0).values
        key, place = key.unique(return_inverse=True)
        folded, between = self._folded(states, key.numel()), super().between
        parts = [
            self.calibrated(self._scored(states, some, between, folded))
            for some in torch.stack([key // size, key % size]).split(self.num_scored, dim=1)
        ]
        return torch.cat(parts)[place]


def missing_neighbors(adj: CSR, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """List what only one end of each pair has for a neighbour, beside the other end.

    Args:
        adj: ``[N, N]``, without duplicates.
        pairs: ``[2, P]``.

    Returns:
        The number of the pair, ascending ``[M]``, and ``[2, M]``: the end that is not joined, and
        the neighbour of the other one. The ends themselves are left out.

    Complexity: O(D log E) for D neighbours of all ends.

    >>> from graphpoly.ops import to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]]), num_nodes=4)
    >>> missing_neighbors(adj, torch.tensor([[0], [2]]))  # 0 and 2 share 1; 3 is 2's alone
    (tensor([0]), tensor([[0],
            [3]]))
    """
    size, pairs = adj.num_rows, pairs.long()
    joined = (adj.rows().long() * size + adj.col).sort().values
    # of each pair what the first end has, and then the second
    ends = torch.stack([pairs, pairs.flip(0)], 2).flatten(1)
    degree = adj.rowptr.diff().long()[ends[0]]
    owner = torch.repeat_interleave(torch.arange(ends.size(1), device=ends.device), degree)
    begin = adj.rowptr.long()[ends[0]] - degree.cumsum(0) + degree
    place = torch.arange(owner.size(0), device=ends.device) + begin[owner]
    neighbor, other = adj.col.long()[place], ends[1][owner]
    key = other * size + neighbor
    known = torch.searchsorted(joined, key).clamp(max=max(joined.numel() - 1, 0))
    lacking = neighbor != other
    if joined.numel():
        lacking &= joined[known] != key
    return owner[lacking] // 2, torch.stack([other, neighbor])[:, lacking]
