"""E(n)-equivariant message passing: features that no rotation changes, and positions that turn."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import (
    check_features,
    check_points,
    check_size,
    entry_attr,
)
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.edge_message import EdgeMessage, messages_and_sums
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import LazyLinear as Linear
from graphpoly.ops import CSR, edge_vectors, silence_loops, sum_entries, to_edges
from graphpoly.registry import register

__all__ = ["EGNNConv"]

COORD_AGGREGATIONS = ("mean", "sum")
_GAIN = 1e-3  # of the last matrix of φ_x: a fresh layer hardly moves anything
_LEAST = 1e-8  # added to the length that a difference is divided by


@register(
    "layer",
    paper="Satorras, Hoogeboom, Welling. E(n) Equivariant Graph Neural Networks. ICML 2021",
    arxiv="2102.09844",
    example=lambda: EGNNConv(8, 8, edge_dim=3, attention=True, velocity=True),
    tags={
        "expressivity": "1-WL of the graph with its distances; no chirality",
        "complexity": "O(|E| C^2 + |V| C^2) time, O(|E| C + |V| C) memory",
    },
)
class EGNNConv(FusedLayer):
    r"""Messages from distances, which update features and move nodes along their differences.

    .. math::
        m_{ij} &= \phi_e\big(h_i, h_j, \|x_i - x_j\|^2, a_{ij}\big) \\
        v_i' &= \phi_v(h_i)\, v_i + C_i \sum_{j \ne i} (x_i - x_j)\, \phi_x(m_{ij}) \\
        x_i' &= x_i + v_i', \qquad
        h_i' = h_i + \phi_h\Big(h_i, \sum_j m_{ij}\Big)

    over the edges j to i, :math:`C_i` one over their number. Without velocities,
    :math:`v_i = 0`. Rotating, reflecting or shifting x does the same to x', rotating or reflecting
    v to v', and leaves h' as it was, in any number of dimensions; so that a layer cannot tell a
    molecule from its mirror image.

    The first matrix of :math:`\phi_e` acts on the features of each node once, not on those of both
    ends of each edge. Parallel edges are messages of their own, and each counts in :math:`C_i`. A
    self-loop is a message at distance zero that moves nothing and counts in no mean.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature. :math:`h_i` is added where the two are equal.
        hidden_channels: Size of the messages; default ``out_channels``.
        edge_dim: Size of ``edge_attr``, or None where edges carry nothing.
        attention: Multiply each message by :math:`\sigma(w^\top m_{ij} + b)`.
        update_coords: Move the nodes; else forward returns features alone.
        coord_aggr: ``"mean"``, or ``"sum"`` for :math:`C_i = 1`, which grows with the degrees.
        normalize: Divide each difference by its length.
        tanh: Bound :math:`\phi_x` by 1.
        clamp: Bound each component of what an edge adds, or None. A bound that is reached
            breaks equivariance.
        velocity: Whether nodes have velocities.
        update_velocity: Return :math:`v'`, as equation 7 of the proceedings does; otherwise the
            velocities stay what they were, as in the published code and in that equation of the
            paper's last version, while x moves as above.
        residual: Add :math:`h_i` where the sizes allow it.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes (values of a sparse one are not read), ``pos`` and
          ``vel`` :math:`(N, D)`, ``edge_attr`` :math:`(E, F_e)`, ``cell`` :math:`(D, D)` or
          :math:`(B, D, D)` with ``batch`` :math:`(N)`
        - **output:** features :math:`(N, F_{out})` and positions :math:`(N, D)`; then velocities
          :math:`(N, D)` with ``velocity=True``. Features alone with ``update_coords=False``.

    Complexity: O(E C^2 + N C^2) time; O(E C) memory, nothing larger than a row of
    ``hidden_channels`` for each edge. Sums run in the order of the rows.

    Example:
        >>> import torch
        >>> from graphpoly.layers import EGNNConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> h, x = EGNNConv(16, 16)(torch.randn(3, 16), edge_index, torch.randn(3, 3))
        >>> h.shape, x.shape
        (torch.Size([3, 16]), torch.Size([3, 3]))

    Notes: where positions alone are read, :math:`\phi_h` of the last layer has no gradient, as in
    the published code. ``DistributedDataParallel`` then wants ``find_unused_parameters=True``, or
    ``conv.phi_h.requires_grad_(False)``; with features alone it is ``update_coords=False``.

    Differences from the paper: sizes may differ; periodic cells; the gradient of ``normalize`` is
    that of the whole quotient, whose denominator the published code takes for a constant; a
    self-loop does not count in the mean; nothing is changed in place.
    """

    num_hops = 1
    printed: ClassVar[dict[str, object]] = {
        "edge_dim": None,
        "attention": False,
        "update_coords": True,
        "coord_aggr": "mean",
        "normalize": False,
        "tanh": False,
        "clamp": None,
        "velocity": False,
        "update_velocity": True,
        "residual": True,
    }
    _moving = ("coord_aggr", "normalize", "tanh", "clamp", "velocity")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden_channels: int | None = None,
        edge_dim: int | None = None,
        attention: bool = False,
        update_coords: bool = True,
        coord_aggr: str = "mean",
        normalize: bool = False,
        tanh: bool = False,
        clamp: float | None = None,
        velocity: bool = False,
        update_velocity: bool = True,
        residual: bool = True,
    ) -> None:
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        hidden = out_channels if hidden_channels is None else hidden_channels
        check_size("hidden_channels", hidden)
        if edge_dim is not None:
            check_size("edge_dim", edge_dim)
        if coord_aggr not in COORD_AGGREGATIONS:
            raise unknown("coord_aggr", coord_aggr, COORD_AGGREGATIONS)
        if clamp is not None and not clamp > 0:
            raise ValueError(f"clamp: got {clamp}, expected a positive number or None")
        super().__init__(aggr=None)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.hidden_channels = hidden
        self.edge_dim = edge_dim
        self.attention = attention
        self.update_coords = update_coords
        self.coord_aggr = coord_aggr
        self.normalize = normalize
        self.tanh = tanh
        self.clamp = clamp
        self.velocity = velocity
        self.update_velocity = update_velocity
        self.residual = residual
        self._check_honoured()
        lazy = in_channels < 0
        carried = 1 + (edge_dim or 0)  # the squared distance and the attributes
        self.phi_e = EdgeMessage(in_channels, hidden, carried, attention=attention)
        self.phi_h = _perceptron(-1 if lazy else in_channels + hidden, hidden, out_channels)
        self.phi_x = _perceptron(hidden, hidden, 1, bias=False) if update_coords else None
        self.phi_v = _perceptron(in_channels, hidden, 1) if velocity else None
        self._start_still()

    def _check_honoured(self) -> None:
        for name in () if self.update_coords else self._moving:
            if getattr(self, name) != self.printed[name]:
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, with update_coords=False nothing moves"
                )
        if not (self.velocity or self.update_velocity):
            raise ValueError("update_velocity: got False, with velocity=False there is none")

    def _start_still(self) -> None:
        if self.phi_x is not None:
            last: Any = self.phi_x[-1]
            nn.init.xavier_uniform_(last.weight, gain=_GAIN)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for part in (self.phi_e, self.phi_h, self.phi_x, self.phi_v):
            reset(part)
        self._start_still()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        pos: Tensor,
        *,
        edge_attr: Tensor | None = None,
        vel: Tensor | None = None,
        cell: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """Update features, and positions and velocities.

        Args:
            x: Features h, ``[N, in_channels]``.
            edge_index: The graph; a radius graph where there are many nodes.
            pos: Positions x, ``[N, D]``, in any floating-point type, which they keep.
            edge_attr: ``[E, edge_dim]``, in the order of ``edge_index``.
            vel: Velocities v, ``[N, D]``, with ``velocity=True``.
            cell: Periodic cell or cells, see :func:`graphpoly.ops.edge_vectors`; positions are not
                folded back into it.
            batch: Graph of each node, ``[N]``; read only where each graph has its own ``cell``.
        """
        check_features("EGNNConv", x, self.phi_e.in_channels)
        check_points("pos", pos, x.size(0))
        adj = _silenced(edge_index, x.size(0), pos.dtype)
        self._check(adj, pos, vel)
        difference = edge_vectors(adj, pos, cell=cell, batch=batch)
        carried = difference.square().sum(-1, keepdim=True).to(x.dtype)
        ordered = entry_attr(adj, edge_attr, self.edge_dim)
        if ordered is not None:
            carried = torch.cat([carried, ordered], dim=-1)
        mask = masked(self, adj.with_weight(None)).weight
        if mask is None:
            message, heard = messages_and_sums(self.phi_e, adj, x, carried)
        else:
            message = self.phi_e(adj, x, carried)
            heard = sum_entries(adj, message * mask.unsqueeze(-1))
        h = self.phi_h(torch.cat([x, heard], dim=-1))
        if self.residual and x.size(1) == self.out_channels:
            h = x + h
        if self.phi_x is None:
            return h
        # positions keep their type, which may be more precise than that of the features
        shift = self._shift(adj, difference, self.phi_x(message).to(pos.dtype), mask)
        if self.phi_v is None:
            return h, pos + shift
        assert vel is not None
        moved = self.phi_v(x).to(vel.dtype) * vel + shift
        return h, pos + moved, moved if self.update_velocity else vel

    def _shift(self, adj: CSR, difference: Tensor, scale: Tensor, mask: Tensor | None) -> Tensor:
        """Return what the edges add to each position, ``[N, D]``."""
        scale = scale.tanh() if self.tanh else scale
        for weight in (adj.weight, mask):
            if weight is not None:
                scale = scale * weight.unsqueeze(-1).to(scale.dtype)
        if self.normalize:
            square = difference.square().sum(-1, keepdim=True)
            together = square == 0  # where a root has no second derivative
            length = square.masked_fill(together, 1).sqrt().masked_fill(together, 0)
            difference = difference / (length + _LEAST)
        move = difference * scale
        if self.clamp is not None:
            move = move.clamp(-self.clamp, self.clamp)
        total = sum_entries(adj, move)
        if self.coord_aggr == "sum":
            return total
        count = adj.rowptr.diff() if adj.weight is None else sum_entries(adj, adj.weight)
        return total / count.clamp(min=1).unsqueeze(-1)

    def _check(self, adj: CSR, pos: Tensor, vel: Tensor | None) -> None:
        if (vel is None) == self.velocity:
            got = "None" if vel is None else "a tensor"
            raise ValueError(f"vel: got {got}, the layer has velocity={self.velocity}")
        if vel is not None:
            check_points("vel", vel, adj.num_rows)
            if vel.size(1) != pos.size(1):
                raise ValueError(f"vel: got {vel.size(1)} columns, pos has {pos.size(1)}")

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels)]
        if self.hidden_channels != self.out_channels:
            arguments.append(f"hidden_channels={self.hidden_channels}")
        return f"EGNNConv({', '.join([*arguments, *self.options()])})"


def _perceptron(
    in_channels: int, hidden_channels: int, out_channels: int, *, bias: bool = True
) -> FeedForward:
    return FeedForward(
        Linear(in_channels, hidden_channels),
        nn.SiLU(),
        Linear(hidden_channels, out_channels, bias=bias),
    )


def _silenced(edge_index: Any, num_nodes: int, dtype: torch.dtype) -> CSR:
    """Return the edges, of which loops weigh nothing and others have no weight or 1."""
    if getattr(edge_index, "layout", None) != torch.strided:  # one with values, which are not read
        edge_index, _ = to_edges(edge_index, size=(num_nodes, num_nodes))
    grad = torch.is_grad_enabled()
    return silence_loops(edge_index, None, num_nodes, dtype=dtype, transposed=grad)
