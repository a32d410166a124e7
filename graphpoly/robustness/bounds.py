r"""How far outputs can move where features do, from the singular values of the weights.

A network of L convolutions with an operator P, weights :math:`W_l` and activations that do not
expand, ending in a linear map :math:`W` of what it holds, moves the output of node u by

.. math::
    \|\Delta f_u\| \le \|W\|_2 \prod_l \|W_l\|_2 \sum_v \left(|P|^L\right)_{uv} \|\delta_v\|

for, by induction, a layer moves node u by at most
:math:`\|W_l\|_2 \sum_v |P_{uv}| \|\Delta h_v\|`. With all rows of :math:`\delta` of length r the
sum is r times that of the normalised walks of length L that begin at u, the quantity in the bound
of Abbahaddou et al. (Bounding the Expected Robustness of Graph Neural Networks Subject to Node
Feature Attacks. ICLR 2024). The whole output moves by at most
:math:`\|W\|_2 \prod_l \|W_l\|_2\, \|P\|_2^L\, \|\delta\|_F`.

The difference of two logits is :math:`\Delta f_u^\top (e_y - e_c)`, and moves by at most
:math:`\|w_y - w_c\|` in place of :math:`\|W\|_2`, with the rows w of the last weight: where that
does not reach the margin, no attack within the ball changes the class.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCN, GCNConv, Linear, SGConv
from torch_geometric.utils import add_remaining_self_loops

from graphpoly.models import GCORN, MLP
from graphpoly.ops import CSR, rescale, spmm, to_csr, to_edges
from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.normalize import normalized
from graphpoly.robustness.features import check_radius

__all__ = ["FeatureBound", "feature_bound", "operator_norm"]

_STEPS = 50  # of the iteration for the norm of P


@dataclass(frozen=True, kw_only=True)
class FeatureBound:
    r"""How far a network on one graph can move its outputs.

    Attributes:
        inner: Product of the spectral norms of all weights but the last.
        last: The last weight, ``[C, F]``.
        num_hops: L.
        walks: Sum of the normalised walks of length L from each node, ``[N]``.
        spread: Bound of the length of each row of :math:`|P|^L`, ``[N]``.
        operator: Bound of :math:`\|P\|_2`.
        width: Columns of the features.
    """

    inner: float
    last: Tensor
    num_hops: int
    walks: Tensor
    spread: Tensor
    operator: float
    width: int

    @property
    def outer(self) -> float:
        """Spectral norm of the last weight."""
        return _spectral_norm(self.last)

    @property
    def lipschitz(self) -> float:
        """The whole output, in Frobenius norm, moves at most so many times as far as the input."""
        return self.inner * self.outer * self.operator**self.num_hops

    def at(self, nodes: Tensor) -> FeatureBound:
        """Return the bound of some of the nodes, given by a mask or their numbers."""
        return dataclasses.replace(self, walks=self.walks[nodes], spread=self.spread[nodes])

    def reach(self, radius: float, *, ball: str = "nodes") -> Tensor:
        """Return how far what the last weight reads can move at each node, ``[N]``, without inner.

        Args:
            radius: Of the ball that the features stay in.
            ball: See :func:`graphpoly.robustness.project`.
        """
        check_radius(radius, ball)
        if ball == "whole":
            return radius * self.spread
        return radius * self.walks * (math.sqrt(self.width) if ball == "entries" else 1)

    def distance(self, radius: float, *, ball: str = "nodes") -> Tensor:
        """Return how far the output of each node can move, ``[N]``; arguments as of reach."""
        return self.inner * self.outer * self.reach(radius, ball=ball)

    def certified(self, logits: Tensor, y: Tensor, radius: float, *, ball: str = "nodes") -> Tensor:
        """Return which nodes are classified rightly wherever the features are in the ball, ``[N]``.

        Args:
            logits: Of the features as they are, ``[N, C]``.
            y: Right classes, ``[N]``.
            radius, ball: As of :meth:`reach`.
        """
        reach = self.inner * self.reach(radius, ball=ball)
        # not by the product of matrices, which would lose what is small
        pairs = (self.last.double(),) * 2
        between = torch.cdist(*pairs, compute_mode="donot_use_mm_for_euclid_dist")[y].to(logits)
        ahead = logits.gather(1, y.unsqueeze(1)) - logits
        others = torch.ones_like(ahead, dtype=torch.bool).scatter(1, y.unsqueeze(1), False)
        return ((ahead > reach.to(logits).unsqueeze(1) * between) | ~others).all(1)


def feature_bound(
    model: nn.Module, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None
) -> FeatureBound:
    """Return how far a trained network can move its outputs on a graph.

    Args:
        model: :class:`~graphpoly.models.GCORN` or :class:`~graphpoly.models.MLP`, or PyG's ``GCN``
            (ReLU, without normalisation layers and jumping knowledge) or ``SGConv``.
        x: ``[N, F]``.
        edge_index: The graph.
        edge_weight: ``[E]``.

    Raises:
        TypeError: If the network is of another kind: nothing is known of how it expands.

    Complexity: the singular values of the weights, and O(L E) for the walks.
    """
    weights, num_hops, normalization, loops = _parts(model)
    num_nodes = x.size(0)
    ones = torch.ones(num_nodes, 1, dtype=torch.float64, device=x.device)
    walks, spread, norm = ones, ones, 1.0
    if num_hops > 0:
        if not isinstance(model, GCORN):
            edge_index, edge_weight = _with_loops(edge_index, edge_weight, num_nodes)
        options: dict[str, Any] = {"dtype": torch.float64, "add_self_loops": loops}
        plain = normalized(edge_index, edge_weight, num_nodes, normalization=None, **options)
        degree = spmm(plain, ones).squeeze(1)
        adj = _absolute(rescale(plain, normalization))
        # what the symmetric normalisation of an undirected graph keeps as it is
        norm = operator_norm(adj, torch.where(degree > 0, degree, 1).sqrt())
        for _ in range(num_hops):
            walks = spmm(adj, walks)
        assert adj.weight is not None
        row = spmm(adj.with_weight(adj.weight.square()), ones).sqrt()
        spread = torch.minimum(row * norm ** (num_hops - 1), walks)
    return FeatureBound(
        inner=math.prod(_spectral_norm(weight) for weight in weights[:-1]),
        last=weights[-1].detach(),
        num_hops=num_hops,
        walks=walks.squeeze(1),
        spread=spread.squeeze(1),
        operator=norm,
        width=x.size(1),
    )


def operator_norm(adj: CSR, start: Tensor | None = None) -> float:
    r"""Return a bound of the spectral norm of an operator without negative values.

    For every positive s :math:`\|P\|_2^2 \le \max_i (P^\top P s)_i / s_i` (Collatz and Wielandt);
    s comes near the leading singular vector in a few steps of power iteration, and the bound near
    the norm, from above.

    Args:
        adj: P, of float64.
        start: s to begin with, ``[N]``, positive; default ones.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> round(operator_norm(to_csr(torch.tensor([[0, 1], [1, 2]]), torch.ones(2).double(), 3)), 9)
    1.0
    """
    colptr, row, place = adj.transposed or transpose(adj.rowptr, adj.col, adj.num_cols)
    weight = None if adj.weight is None else adj.weight[place]
    back = trusted_csr(colptr, row, weight, None, adj.num_rows, None)
    if adj.num_entries == 0:
        return 0.0
    s = torch.ones(adj.num_cols, dtype=torch.float64, device=adj.col.device)
    s = s if start is None else start.double()
    least = math.inf
    for _ in range(_STEPS):
        image = spmm(back, spmm(adj, s.unsqueeze(1))).squeeze(1)
        least = min(least, float((image / s).max()))
        image = image / image.max().clamp(min=1e-300)
        s = torch.where(image > 1e-100, image, s.clamp(min=1e-100))
    return math.sqrt(least)


def _parts(model: nn.Module) -> tuple[Sequence[Tensor], int, str | None, bool]:
    """Weights, hops, normalisation and self-loops of a network whose form is known."""
    if isinstance(model, GCORN):
        convs: list[Any] = list(model.convs)
        weights = [conv.lin.orthonormal_weight for conv in convs] + [model.lin.weight]
        return weights, len(convs), convs[0].normalization, convs[0].self_loops
    if isinstance(model, MLP):
        lins = [each for each in model.modules() if isinstance(each, Linear)]
        return [lin.weight for lin in lins], 0, None, False
    if isinstance(model, SGConv) and model.add_self_loops and _adds_sources(model):
        return [model.lin.weight], model.K, "sym", False
    if type(model) is GCN and _is_plain(model):
        convs = [each for each in model.modules() if type(each) is GCNConv]
        return [conv.lin.weight for conv in convs], len(convs), "sym", False
    raise TypeError(
        f"model: got {type(model).__name__}; how far features move outputs is known of GCORN, MLP, "
        "SGConv and GCN without normalisation layers and jumping knowledge"
    )


def _with_loops(
    edge_index: Any, edge_weight: Tensor | None, num_nodes: int
) -> tuple[Tensor, Tensor]:
    """Edges and weights as PyG's layers read them: of several loops at a node one is left."""
    pairs, weight = to_edges(edge_index, edge_weight, size=(num_nodes, num_nodes))
    if weight is None:
        weight = torch.ones(pairs.size(1), dtype=torch.float64, device=pairs.device)
    pairs, weight = add_remaining_self_loops(pairs, weight, 1.0, num_nodes)
    assert weight is not None
    return pairs, weight


def _is_plain(model: GCN) -> bool:
    """Whether it is convolutions with ReLUs in between, and nothing else."""
    norms = model.norms or []
    return (
        model.jk_mode is None
        and isinstance(model.act, nn.ReLU)
        and all(isinstance(norm, nn.Identity) for norm in norms)
        and all(type(conv) is GCNConv and _is_usual(conv) for conv in model.convs)
    )


def _is_usual(conv: GCNConv) -> bool:
    return conv.normalize and conv.add_self_loops and not conv.improved and _adds_sources(conv)


def _adds_sources(conv: Any) -> bool:
    """Whether a node gets the sum of what is at the sources of its edges."""
    return conv.flow == "source_to_target" and conv.aggr in ("add", "sum")


def _spectral_norm(weight: Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().double(), 2)) if weight.numel() else 0.0


def _absolute(adj: CSR) -> CSR:
    """The operator of the absolute values, with one entry at a place."""
    assert adj.weight is not None
    place, which = (adj.rows().long() * adj.num_cols + adj.col).unique(return_inverse=True)
    weight = adj.weight.new_zeros(place.numel()).index_add(0, which, adj.weight.detach().abs())
    pairs = torch.stack([place % adj.num_cols, place // adj.num_cols])
    return to_csr(pairs, weight, adj.num_cols)
