"""Neural common neighbours: links scored by what lies between their ends.

The network reads a graph once, :meth:`NCN.encode`, and scores any pairs of its nodes after that,
:meth:`NCN.decode`. Links that are to be predicted must not be in the graph: training takes them out
(:class:`graphpoly.training.LinkTask`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_features, check_sizes
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.linear import Linear, is_map
from graphpoly.ops import CSR, common_neighbors, dropout, spmm, to_csr
from graphpoly.ops.adjacency import to_edges, trusted_csr
from graphpoly.ops.affine import affine
from graphpoly.ops.entry import check_index
from graphpoly.ops.hooks import is_hooked
from graphpoly.ops.normalize import normalized
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["ENCODERS", "HEADS", "NCN", "PAPER", "LinkStates"]

ENCODERS = ("propagation", "gcn", "pure")
HEADS = ("plain", "refined")
PAPER = "Wang, Yang, Zhang. Neural Common Neighbor with Completion for Link Prediction. ICLR 2024"


class LinkStates(NamedTuple):
    """A graph as it was read.

    Attributes:
        h: State of each node, ``[N, C]``.
        adj: Neighbours of each node, without duplicates and self-loops, less what dropout leaves
            out.
        refined: What each node counts as between others, ``[N, C]``; None for its state.
    """

    h: Tensor
    adj: CSR
    refined: Tensor | None = None

    @property
    def counted(self) -> Tensor:
        """What each node counts as between others, ``[N, C]``."""
        return self.h if self.refined is None else self.refined


class _Folded(NamedTuple):
    """What the score has of linear maps, with parameters and states put in."""

    image: Tensor  # of the states under the first map of what is between, [N, C]
    offset: Tensor  # what that map adds, [C]
    shared: Tensor  # from inside of that perceptron to inside of the last one, [C, C]
    ends: Tensor  # from inside of the perceptron of both ends, [C, C]
    bias: Tensor  # [C]


@register(
    "model",
    paper=PAPER,
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

    What is published for citation graphs is ``encoder="pure"``: the products alone, no norms,
    dropout before the first and behind the last, and ``jk`` without what went in; and
    ``head="refined"``:

    .. math::
        s_{ij} = \phi\Big( \beta\, \psi_{\cap}\big(\sum_{u \in N(i) \cap N(j)}
        h_u + \psi(h_u)\big) + \psi_{ij}(h_i \odot h_j) \Big)

    with perceptrons :math:`\psi` that end in a norm and ReLU, of two layers but for
    :math:`\psi_{ij}` of one.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        num_layers: Products L.
        encoder: ``"propagation"``, ``"gcn"`` or ``"pure"``.
        jk: Combine the steps of the MPNN with learned weights instead of taking the last.
        in_dropout: Of the features.
        gnn_dropout: Behind each product; of a pure encoder, before the first.
        tail_dropout: Behind the last product of a pure encoder.
        edge_dropout: Share of the neighbours that a step of training does not sum over.
        dropout: Inside the perceptrons of the score.
        head: ``"plain"`` or ``"refined"``.
        score_layers: Hidden layers of the last perceptron.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` of an undirected graph in any
          form, ``pairs`` :math:`(2, P)`
        - **output:** :math:`(P)`, logits

    Complexity: O(L E C + N C^2) for a graph; for each pair the sum of both degrees, or less
    where they differ much, and C for each common neighbour. No tensor of pairs times neighbours is
    ever made.

    Differences from the paper: duplicates of edges and self-loops are dropped before neighbours are
    intersected; states are refined once a graph, the published ones once for links and once for
    others, each with a dropout of its own; ``edge_dropout`` acts on the neighbours of a whole step,
    and never on the graph of the MPNN.

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
        "tail_dropout": 0.0,
        "edge_dropout": 0.0,
        "dropout": 0.0,
        "head": "plain",
        "score_layers": 1,
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
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        check_sizes(score_layers=score_layers)
        if encoder not in ENCODERS:
            raise unknown("encoder", encoder, ENCODERS)
        if head not in HEADS:
            raise unknown("head", head, HEADS)
        if not 0 <= edge_dropout <= 1:
            raise ValueError(f"edge_dropout: got {edge_dropout}, expected a probability")
        if tail_dropout and encoder != "pure":
            raise ValueError(f"tail_dropout: got {tail_dropout}, which only encoder='pure' has")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.encoder = encoder
        self.jk = jk
        self.in_dropout = in_dropout
        self.gnn_dropout = gnn_dropout
        self.tail_dropout = tail_dropout
        self.edge_dropout = edge_dropout
        self.dropout = dropout
        self.head = head
        self.score_layers = score_layers
        width, pure = hidden_channels, encoder == "pure"
        self.lin_in = Linear(in_channels, width)
        self.lins = nn.ModuleList(
            Linear(width, width) for _ in range(num_layers if encoder == "gcn" else 0)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(0 if pure else num_layers))
        self.steps = nn.Parameter(torch.empty(num_layers + (not pure))) if jk else None
        self.refine: FeedForward | None = None
        if head == "plain":
            self.shared = _perceptron(width, width, dropout)
            self.ends = _perceptron(width, width, dropout)
        else:
            self.refine = _activated(width, dropout, opening=True)
            self.shared = _activated(width, dropout, opening=True)
            self.ends = _activated(width, dropout)
        self.score = _perceptron(width, 1, dropout, score_layers)
        self.beta = nn.Parameter(torch.empty(1))
        scored = ("refine.", "shared.", "ends.", "score.", "beta")
        self.parameter_roles = {
            name: "predictor" for name, _ in self.named_parameters() if name.startswith(scored)
        }
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
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
        h = self.lin_in(dropout(x, self.in_dropout, self.training))
        seen = [h]
        if self.encoder == "pure":
            h = dropout(h, self.gnn_dropout, self.training)
            seen = [h := spmm(smooth, h) for _ in range(self.num_layers)]
            h = seen[-1] = dropout(h, self.tail_dropout, self.training)
        for layer, norm in enumerate(self.norms):
            h = spmm(smooth, self.lins[layer](h) if self.encoder == "gcn" else h)
            h = norm(h)
            if self.encoder == "gcn":
                h = h.relu()
            h = dropout(h, self.gnn_dropout, self.training)
            seen.append(h)
        if self.steps is not None:
            steps = torch.stack(seen)
            h = torch.tensordot(self.steps.to(steps.dtype), steps, 1)
        refined = None if self.refine is None else h + self.refine(h)
        return LinkStates(h, self._thinned(to_csr(pairs, num_nodes=size)), refined)

    def decode(self, states: LinkStates, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``.

        Args:
            states: What :meth:`encode` returned.
            pairs: ``[2, P]``.

        Raises:
            TypeError: If pairs are no integers.
            ValueError: If they have another shape, or a node is none of the graph.
        """
        pairs = _checked(pairs, states.h.size(0))
        return self._scored(states, pairs, self.between, self._folded(states, pairs.size(1)))

    def between(self, states: LinkStates, pairs: Tensor, x: Tensor | None = None) -> Tensor:
        """Return the summed states of the common neighbours, ``[P, C]``, or what x has of them."""
        return common_neighbors(states.adj, states.adj, pairs, x=states.counted if x is None else x)

    def forward(self, x: Tensor, edge_index: Any, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, without the links that are to be predicted.
            pairs: ``[2, P]``.
        """
        return self.decode(self.encode(x, edge_index), pairs)

    def _thinned(self, adj: CSR) -> CSR:
        """Leave some neighbours out, in training."""
        if not self.training or self.edge_dropout == 0:
            return adj
        kept = torch.rand(adj.col.size(0), device=adj.col.device) >= self.edge_dropout
        before = F.pad(kept.cumsum(0), (1, 0)).to(adj.rowptr.dtype)
        return trusted_csr(before[adj.rowptr.long()], adj.col[kept], None, None, adj.num_cols, None)

    def _scored(
        self,
        states: LinkStates,
        pairs: Tensor,
        between: Callable[..., Tensor],
        folded: _Folded | None,
    ) -> Tensor:
        own = take_rows(states.h, pairs[0]) * take_rows(states.h, pairs[1])
        if folded is None:
            heard = self.shared(between(states, pairs))
            out: Tensor = self.score(self.beta * heard + self.ends(own))
        else:
            heard = between(states, pairs, folded.image) + folded.offset
            shared: Any = self.shared[1:]
            hidden = shared.ending(heard, folded.shared, folded.bias)
            out = self.score[1:](hidden + self.ends.ending(own, folded.ends))
        return out.squeeze(-1)

    def _folded(self, states: LinkStates, num_pairs: int) -> _Folded | None:
        """Fold the linear maps of a score where there are more pairs than it takes work.

        The image of a sum is the sum of the images, of which there is one a node; and the last
        maps of two perceptrons and the first of the third are one map of each. That leaves three
        products with matrices of C x C for each pair of five. A refined head has no linear ends.
        """
        few = num_pairs <= max(2 * states.h.size(0), 3 * self.hidden_channels)
        heard, own, score = parts = (self.shared, self.ends, self.score)
        if few or self.head == "refined" or is_hooked(*parts):
            return None
        if any(type(part) is not FeedForward for part in parts):
            return None
        maps: Any = (heard[0], heard[-1], own[-1], score[0])
        if not is_map(*maps) or any(lin.bias is None for lin in maps):
            return None
        opening, shared, ends, first = maps
        return _Folded(
            image=affine(states.h, opening.weight),
            offset=opening.bias,
            shared=self.beta * (first.weight @ shared.weight),
            ends=first.weight @ ends.weight,
            bias=F.linear(self.beta * shared.bias + ends.bias, first.weight, first.bias),
        )

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.hidden_channels}"
        return f"{type(self).__name__}({', '.join([sizes, *self.options()])})"


def _simple(pairs: Tensor, size: int) -> Tensor:
    """Edges without duplicates and self-loops, in order."""
    key = (pairs[0].long() * size + pairs[1])[pairs[0] != pairs[1]].unique()
    return torch.stack([key // max(size, 1), key % max(size, 1)])


def _checked(pairs: Tensor, size: int) -> Tensor:
    """Pairs in int64, once they are known to be pairs of nodes."""
    if pairs.dim() != 2 or pairs.size(0) != 2:
        raise ValueError(f"pairs: got shape {tuple(pairs.shape)}, expected [2, P]")
    check_index("pairs", pairs.reshape(-1), size)
    return pairs.long()


def _perceptron(
    in_channels: int, out_channels: int, dropout: float, layers: int = 1
) -> FeedForward:
    inside = [part for _ in range(layers) for part in _activated(in_channels, dropout)]
    return FeedForward(*inside, Linear(in_channels, out_channels))


def _activated(width: int, dropout: float, *, opening: bool = False) -> FeedForward:
    """A layer that ends in a norm and ReLU, behind one without a norm where it has an opening."""
    first = [Linear(width, width), Dropout(dropout), nn.ReLU()] if opening else []
    last = (Linear(width, width), nn.LayerNorm(width), Dropout(dropout), nn.ReLU())
    return FeedForward(*first, *last)
