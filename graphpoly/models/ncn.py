"""Neural common neighbours: links scored by what lies between their ends, and what may be missing.

Both networks read a graph once, :meth:`NCN.encode`, and score any pairs of its nodes after that,
:meth:`NCN.decode`. Links that are to be predicted must not be in the graph: training takes them out
(:class:`graphpoly.training.LinkTask`).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_features, check_sizes
from graphpoly.ops import CSR, common_neighbors, spmm, to_csr
from graphpoly.ops.adjacency import to_edges, trusted_csr
from graphpoly.ops.normalize import normalized
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["NCN", "NCNC", "LinkStates", "missing_neighbors"]

ENCODERS = ("propagation", "gcn")
_PAPER = "Wang, Yang, Zhang. Neural Common Neighbor with Completion for Link Prediction. ICLR 2024"


class LinkStates(NamedTuple):
    """A graph as it was read.

    Attributes:
        h: State of each node, ``[N, C]``.
        adj: Neighbours of each node, without duplicates and self-loops, less what dropout leaves
            out.
    """

    h: Tensor
    adj: CSR


@register(
    "model",
    paper=_PAPER,
    arxiv="2302.00890",
    example=lambda: NCN(8, 16, dropout=0.0),
    tags={
        "expressivity": "of links: counts of common neighbours, which no 1-WL network sees",
        "complexity": "O(L |E| C + |V| C^2) a graph, O(d C + C^2) a pair; no tensor of pairs "
        "times neighbours",
    },
)
class NCN(Pretrained, NamedArguments):
    r"""Scores pairs by their ends and by the nodes that both ends have for neighbours.

    .. math::
        H = \mathrm{MPNN}(X, A), \qquad
        s_{ij} = \phi\Big( \beta\, \phi_{\cap}\big(\sum_{u \in N(i) \cap N(j)} h_u\big)
        + \phi_{ij}(h_i \odot h_j) \Big)

    with perceptrons :math:`\phi` of two layers and a learned scalar :math:`\beta`. The MPNN is a
    linear map and L products with :math:`\tilde D^{-1/2} (A + I) \tilde D^{-1/2}`, with no weights
    between them (``"propagation"``) or with linear maps and ReLU (``"gcn"``); layer normalisation
    everywhere, and a learned combination of all steps with ``jk``.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        num_layers: Products L.
        encoder: ``"propagation"`` or ``"gcn"``.
        jk: Combine the steps of the MPNN with learned weights instead of taking the last.
        in_dropout: Of the features.
        gnn_dropout: Behind each product.
        edge_dropout: Share of the neighbours that a step of training does not sum over.
        dropout: Inside the perceptrons of the score.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` of an undirected graph in any
          form, ``pairs`` :math:`(2, P)`
        - **output:** :math:`(P)`, logits

    Complexity: O(L E C + N C^2) for a graph; for each pair the sum of both degrees, or less
    where they differ much, and C for each common neighbour. No tensor of pairs times neighbours is
    ever made.

    Differences from the paper: duplicates of edges and self-loops are dropped before neighbours are
    intersected; perceptrons have two layers throughout, the published ones two or three by dataset;
    ``edge_dropout`` acts on the neighbours of a whole step, and never on the graph of the MPNN.

    >>> import torch
    >>> triangle = torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]])
    >>> NCN(4, 16)(torch.randn(3, 4), triangle, torch.tensor([[0], [2]])).shape
    torch.Size([1])
    """

    printed: ClassVar[dict[str, object]] = {
        "num_layers": 1,
        "encoder": "propagation",
        "jk": True,
        "in_dropout": 0.0,
        "gnn_dropout": 0.0,
        "edge_dropout": 0.0,
        "dropout": 0.0,
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
        edge_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        if encoder not in ENCODERS:
            raise unknown("encoder", encoder, ENCODERS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.encoder = encoder
        self.jk = jk
        self.in_dropout = in_dropout
        self.gnn_dropout = gnn_dropout
        self.edge_dropout = edge_dropout
        self.dropout = dropout
        width = hidden_channels
        self.lin_in = nn.Linear(in_channels, width)
        self.lins = nn.ModuleList(
            nn.Linear(width, width) for _ in range(num_layers if encoder == "gcn" else 0)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(num_layers))
        self.steps = nn.Parameter(torch.empty(num_layers + 1)) if jk else None
        self.shared = _perceptron(width, width, dropout)
        self.ends = _perceptron(width, width, dropout)
        self.score = _perceptron(width, 1, dropout)
        self.beta = nn.Parameter(torch.empty(1))
        scored = ("shared.", "ends.", "score.", "beta")
        self.parameter_roles = {
            name: "predictor" for name, _ in self.named_parameters() if name.startswith(scored)
        }
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.lin_in, self.lins, self.norms, self.shared, self.ends, self.score):
            reset(part)
        nn.init.ones_(self.beta)
        if self.steps is not None:
            nn.init.normal_(self.steps)

    def encode(self, x: Tensor, edge_index: Any) -> LinkStates:
        """Read a graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form; weights of a sparse one are not read.
        """
        check_features(type(self).__name__, x, self.in_channels)
        size = x.size(0)
        pairs, _ = to_edges(edge_index, size=(size, size))
        pairs = _simple(pairs, size)
        smooth = normalized(pairs, num_nodes=size, add_self_loops=True, transposed=True)
        smooth = smooth.with_weight(None if smooth.weight is None else smooth.weight.to(x.dtype))
        h = self.lin_in(F.dropout(x, self.in_dropout, self.training))
        seen = [h]
        for layer, norm in enumerate(self.norms):
            h = spmm(smooth, self.lins[layer](h) if self.encoder == "gcn" else h)
            h = norm(h)
            if self.encoder == "gcn":
                h = h.relu()
            h = F.dropout(h, self.gnn_dropout, self.training)
            seen.append(h)
        if self.steps is not None:
            h = torch.stack(seen, -1) @ self.steps
        if self.training and self.edge_dropout > 0:
            kept = torch.rand(pairs.size(1), device=pairs.device) >= self.edge_dropout
            pairs = pairs[:, kept]
        return LinkStates(h, to_csr(pairs, num_nodes=size))

    def decode(self, states: LinkStates, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``.

        Args:
            states: What :meth:`encode` returned.
            pairs: ``[2, P]``.
        """
        return self._scored(states, pairs, self.between(states, pairs))

    def between(self, states: LinkStates, pairs: Tensor) -> Tensor:
        """Return the summed states of the common neighbours, ``[P, C]``."""
        return common_neighbors(states.adj, states.adj, pairs, x=states.h)

    def forward(self, x: Tensor, edge_index: Any, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, without the links that are to be predicted.
            pairs: ``[2, P]``.
        """
        return self.decode(self.encode(x, edge_index), pairs)

    def _scored(self, states: LinkStates, pairs: Tensor, between: Tensor) -> Tensor:
        own = self.ends(states.h[pairs[0]] * states.h[pairs[1]])
        out: Tensor = self.score(self.beta * self.shared(between) + own)
        return out.squeeze(-1)

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.hidden_channels}"
        return f"{type(self).__name__}({', '.join([sizes, *self.options()])})"


@register(
    "model",
    paper=_PAPER,
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

    Args:
        in_channels, hidden_channels, num_layers, encoder, jk: As for :class:`NCN`.
        in_dropout, gnn_dropout, edge_dropout, dropout: As for :class:`NCN`.
        alpha: Weight of what is completed; 0 gives NCN.
        prior: p, how likely a pair is a link before anything is known of it.
        scale: a.
        offset: b.
        num_scored: Pairs of a completion that are scored at once, which bounds the memory.

    Shapes:
        As for :class:`NCN`.

    Complexity: that of NCN for each pair and for each neighbour that only one of its ends has.

    Differences from the paper: those of :class:`NCN`; an end of the pair is never completed as a
    neighbour of itself.

    >>> NCNC(4, 16, alpha=0.5)
    NCNC(4, 16, alpha=0.5)
    """

    printed: ClassVar[dict[str, object]] = {
        **NCN.printed,
        "alpha": 1.0,
        "prior": 0.75,
        "scale": 4.3,
        "offset": 2.8,
        "num_scored": 65536,
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
        edge_dropout: float = 0.0,
        dropout: float = 0.0,
        alpha: float = 1.0,
        prior: float = 0.75,
        scale: float = 4.3,
        offset: float = 2.8,
        num_scored: int = 65536,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            encoder=encoder,
            jk=jk,
            in_dropout=in_dropout,
            gnn_dropout=gnn_dropout,
            edge_dropout=edge_dropout,
            dropout=dropout,
        )
        if alpha < 0 or not 0 <= prior <= 1:
            raise ValueError(
                f"alpha, prior: got {alpha} and {prior}, expected at least 0 and a share"
            )
        check_sizes(num_scored=num_scored)
        self.alpha = alpha
        self.prior = prior
        self.scale = scale
        self.offset = offset
        self.num_scored = num_scored

    def between(self, states: LinkStates, pairs: Tensor) -> Tensor:
        """Return the summed states of common and of likely common neighbours, ``[P, C]``."""
        shared = super().between(states, pairs)
        if self.alpha == 0:
            return shared
        rows, candidates = missing_neighbors(states.adj, pairs)
        likely = self._likely(states, candidates)
        rowptr = torch.searchsorted(rows, torch.arange(pairs.size(1) + 1, device=rows.device))
        size = states.h.size(0)
        missing = trusted_csr(rowptr, candidates[1].contiguous(), likely, None, size, None)
        return shared + spmm(missing, states.h)

    def calibrated(self, score: Tensor) -> Tensor:
        """Return P of scores.

        >>> round(float(NCNC(4, 8).calibrated(torch.tensor(2.5))), 4)
        0.1711
        """
        known = torch.sigmoid(self.scale * (score - self.offset))
        return self.alpha * self.prior * known / (self.prior * known + 1 - known)

    @torch.no_grad()
    def _likely(self, states: LinkStates, pairs: Tensor) -> Tensor:
        parts = [
            self.calibrated(self._scored(states, some, super(NCNC, self).between(states, some)))
            for some in pairs.split(self.num_scored, dim=1)
        ]
        return torch.cat(parts)


def missing_neighbors(adj: CSR, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """List what only one end of each pair has for a neighbour, beside the other end.

    Args:
        adj: ``[N, N]``, without duplicates.
        pairs: ``[2, P]``.

    Returns:
        The number of the pair, ascending ``[M]``, and ``[2, M]``: the end that is not joined, and
        the neighbour of the other one. The ends themselves are left out.

    Complexity: O(D log E) for D neighbours of all ends.

    >>> adj = to_csr(torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]]), num_nodes=4)
    >>> missing_neighbors(adj, torch.tensor([[0], [2]]))  # 0 and 2 share 1; 3 is 2's alone
    (tensor([0]), tensor([[0],
            [3]]))
    """
    size = adj.num_rows
    joined = (adj.rows().long() * size + adj.col).sort().values
    ends = torch.cat([pairs, pairs.flip(0)], 1)  # what the first end has, and then the second
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
    owner, found = owner[lacking], torch.stack([other, neighbor])[:, lacking]
    number, order = (owner % max(pairs.size(1), 1)).sort(stable=True)
    return number, found[:, order]


def _simple(pairs: Tensor, size: int) -> Tensor:
    """Edges without duplicates and self-loops, in order."""
    key = (pairs[0].long() * size + pairs[1])[pairs[0] != pairs[1]].unique()
    return torch.stack([key // max(size, 1), key % max(size, 1)])


def _perceptron(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, in_channels),
        nn.LayerNorm(in_channels),
        nn.Dropout(dropout),
        nn.ReLU(),
        nn.Linear(in_channels, out_channels),
    )
