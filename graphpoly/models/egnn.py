"""EGNN: equivariant layers, read out for nodes, for graphs or for where the nodes will be."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers import EGNNConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["EGNN"]


@register(
    "model",
    paper="Satorras, Hoogeboom, Welling. E(n) Equivariant Graph Neural Networks. ICML 2021",
    arxiv="2102.09844",
    example=lambda: EGNN(8, 16, 4, num_layers=2, edge_dim=3, attention=True),
    tags={
        "expressivity": "1-WL of the graph with its distances; no chirality",
        "complexity": "O(L (|E| C^2 + |V| C^2)) time, O(L (|E| C + |V| C)) memory",
    },
)
class EGNN(Pretrained, NamedArguments):
    r"""Layers of :class:`~graphpoly.layers.EGNNConv` between two maps of each node.

    .. math::
        h^{(0)} = W x + b, \qquad h^{(l+1)}, \mathbf{x}^{(l+1)}, \mathbf{v}^{(l+1)} =
        \mathrm{EGNNConv}_l(h^{(l)}, \mathbf{x}^{(l)}, \mathbf{v}^{(l)})

    and then a linear map of :math:`h^{(L)}` for nodes; for graphs
    :math:`\psi(\sum_i \phi(h_i^{(L)}))` with two perceptrons; or the positions
    :math:`\mathbf{x}^{(L)}`. What is read of features no rotation, reflection or shift changes;
    positions turn along.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Numbers for each node or graph; None for the positions that the last layer
            leaves, such as those of a later time.
        num_layers: Number of layers. One whose positions nothing reads does not move them.
        edge_dim: Size of ``edge_attr``, or None.
        attention: Of each layer.
        update_coords: Move the nodes from layer to layer.
        coord_aggr: ``"mean"`` or ``"sum"`` of what moves a node.
        normalize: Divide each difference by its length.
        tanh: Bound what a difference is multiplied by.
        clamp: Bound each component of what an edge adds; one that is reached breaks equivariance.
        velocity: Whether nodes have velocities.
        update_velocity: Pass updated velocities on, as equation 7 of the proceedings; the published
            code and the paper's last version read the first ones in every layer.
        pool: ``"add"``, ``"mean"`` or ``"max"`` over the nodes of a graph; None for nodes.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``pos`` and ``vel``
          :math:`(N, D)`, ``edge_attr`` :math:`(E, F_e)`, ``cell`` :math:`(D, D)` or
          :math:`(B, D, D)`, ``batch`` :math:`(N)`
        - **output:** :math:`(N, F_{out})`; :math:`(B, F_{out})` with ``pool``; positions
          :math:`(N, D)` without ``out_channels``

    Without ``out_channels`` nothing reads the features of the last layer, whose ``phi_h`` has no
    gradient, as in the published code. ``graphpoly train`` passes it over, in several processes,
    too; ``DistributedDataParallel`` wants ``find_unused_parameters=True``, or
    ``net.convs[-1].phi_h.requires_grad_(False)`` before it.

    Differences from the paper: those of the layer.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> EGNN(8, 16, 1, pool="add")(torch.randn(3, 8), edge_index, torch.randn(3, 3)).shape
    torch.Size([1, 1])
    """

    printed: ClassVar[dict[str, object]] = {
        name: EGNNConv.printed[name] for name in EGNNConv.printed if name != "residual"
    } | {"pool": None}

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int | None = None,
        num_layers: int = 4,
        *,
        edge_dim: int | None = None,
        attention: bool = False,
        update_coords: bool = True,
        coord_aggr: str = "mean",
        normalize: bool = False,
        tanh: bool = False,
        clamp: float | None = None,
        velocity: bool = False,
        update_velocity: bool = True,
        pool: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        check_pool(pool)
        if out_channels is not None:
            check_sizes(out_channels=out_channels)
        elif pool is not None or not update_coords:
            wrong = f"pool: got {pool!r}" if pool is not None else "update_coords: got False"
            raise ValueError(f"{wrong}, but without out_channels it is positions that are returned")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.edge_dim = edge_dim
        self.attention = attention
        self.update_coords = update_coords
        self.coord_aggr = coord_aggr
        self.normalize = normalize
        self.tanh = tanh
        self.clamp = clamp
        self.velocity = velocity
        self.update_velocity = update_velocity
        self.pool = pool
        moving: dict[str, Any] = {
            "update_coords": update_coords,
            "coord_aggr": coord_aggr,
            "normalize": normalize,
            "tanh": tanh,
            "clamp": clamp,
            "velocity": velocity,
            "update_velocity": update_velocity,
        }
        self.lin_in = nn.Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList()
        for layer in range(num_layers):
            read = out_channels is None or layer < num_layers - 1
            self.convs.append(
                EGNNConv(
                    hidden_channels,
                    hidden_channels,
                    edge_dim=edge_dim,
                    attention=attention,
                    **(moving if read or not update_coords else {"update_coords": False}),
                )
            )
        width = hidden_channels
        self.lin_node = None if pool is None else _perceptron(width, width)
        self.lin_out: nn.Module | None = None
        if out_channels is not None:
            linear = pool is None
            self.lin_out = (nn.Linear if linear else _perceptron)(width, out_channels)

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.num_layers

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What positions do not hang on."""
        if self.out_channels is not None:
            return {}
        return {"used_parameters": "features of the last layer, which are made and not returned"}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.lin_in, self.convs, self.lin_node, self.lin_out):
            reset(part)

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
        batch_size: int | None = None,
    ) -> Tensor:
        """Return a row for each node or graph, or positions.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            pos: ``[N, D]``.
            edge_attr: ``[E, edge_dim]``.
            vel: ``[N, D]``, with ``velocity=True``.
            cell: Periodic cell, or one for each graph.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_features("EGNN", x, self.in_channels)
        check_batch(batch)
        if (vel is None) == self.velocity:
            got = "None" if vel is None else "a tensor"
            raise ValueError(f"vel: got {got}, the network has velocity={self.velocity}")
        h = self.lin_in(x)
        edges: dict[str, Tensor | None] = {"edge_attr": edge_attr, "cell": cell, "batch": batch}
        for conv in self.convs:
            if not conv.update_coords:
                h = conv(h, edge_index, pos, **edges)
            elif vel is None:
                h, pos = conv(h, edge_index, pos, **edges)
            else:
                h, pos, vel = conv(h, edge_index, pos, vel=vel, **edges)
        if self.lin_out is None:
            return pos
        if self.lin_node is not None:
            h = pool_nodes(self.lin_node(h), self.pool, batch, batch_size)
        out: Tensor = self.lin_out(h)
        return out

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, self.out_channels, self.num_layers)
        return f"EGNN({', '.join([*map(str, sizes), *self.options()])})"


def _perceptron(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, in_channels), nn.SiLU(), nn.Linear(in_channels, out_channels)
    )
