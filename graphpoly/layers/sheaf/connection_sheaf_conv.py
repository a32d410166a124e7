"""Diffusion on a sheaf that the features' own geometry gives, with nothing to learn about maps."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform

from graphpoly.layers.arguments import check_batch
from graphpoly.layers.sheaf.laplacian import SheafLaplacian
from graphpoly.layers.sheaf.sheaf_diffusion import SheafDiffusion
from graphpoly.ops import connection, to_csr
from graphpoly.registry import register

__all__ = ["ConnectionMaps", "ConnectionSheafConv", "connection_maps"]

_PAPER = "Barbero, Bodnar, Sáez de Ocáriz Borde, Bronstein, Veličković, Liò. Sheaf Neural Networks "
_PAPER += "with Connection Laplacians. TAG-ML at ICML 2022"


def connection_maps(
    x: Tensor,
    edge_index: Any,
    stalk_dim: int,
    *,
    batch: Tensor | None = None,
    borrow: bool = True,
) -> Tensor:
    """Return the transport along each edge, from its source to its target, as an edge attribute.

    Args:
        x: ``[N, F]``.
        edge_index: The graph, in any form that :func:`graphpoly.ops.to_csr` takes.
        stalk_dim: Dimension d of the local frames.
        batch: Graph of each node, ``[N]``: who may lend to whom.
        borrow: Let nodes with fewer than d neighbours borrow the nearest ones of their graph; see
            :func:`graphpoly.ops.connection`.

    Returns:
        ``[E, d * d]``, each row a matrix row by row, in the order of the edges; no gradient.
    """
    adj = to_csr(edge_index, num_nodes=x.size(0))
    maps = connection(adj, x, stalk_dim, batch=batch, borrow=borrow).flatten(1)
    if adj.perm is None:
        return maps
    return torch.empty_like(maps).index_copy(0, adj.perm.long(), maps)


@register("transform", paper=_PAPER, arxiv="2206.08702", example=lambda: ConnectionMaps(2))
class ConnectionMaps(BaseTransform):
    """Store the transports between the local frames of neighbours, for ``ConnectionSheafConv``.

    They are an attribute of edges, and so batch like any other.

    Args:
        stalk_dim: Dimension d of the local frames.
        attr: Name of the attribute, ``[E, d * d]``.
        borrow: See :func:`connection_maps`.

    Raises:
        ValueError: If the data has such an attribute already, or lacks ``x`` or ``edge_index``.

    >>> import torch
    >>> data = Data(x=torch.randn(3, 4), edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    >>> ConnectionMaps(2)(data).edge_attr.shape
    torch.Size([4, 4])
    """

    def __init__(self, stalk_dim: int, *, attr: str = "edge_attr", borrow: bool = True) -> None:
        if stalk_dim < 1:
            raise ValueError(f"stalk_dim: got {stalk_dim}, expected at least 1")
        self.stalk_dim = stalk_dim
        self.attr = attr
        self.borrow = borrow

    def forward(self, data: Data) -> Data:
        """Add the attribute."""
        if not isinstance(data, Data):
            raise TypeError(
                f"ConnectionMaps: got {type(data).__name__}, a homogeneous graph is accepted"
            )
        if data.x is None or data.edge_index is None:
            raise ValueError("data: x and edge_index are needed")
        if data.get(self.attr) is not None:
            raise ValueError(f"attr: the data has {self.attr!r} already; choose another name")
        data[self.attr] = connection_maps(
            data.x,
            data.edge_index,
            self.stalk_dim,
            batch=data.batch if isinstance(data, Batch) else None,
            borrow=self.borrow,
        )
        return data

    def __repr__(self) -> str:
        return f"ConnectionMaps({self.stalk_dim}, attr={self.attr!r}, borrow={self.borrow})"


@register(
    "layer",
    paper=_PAPER,
    arxiv="2206.08702",
    example=lambda: ConnectionSheafConv(8, 6, stalk_dim=2),
    tags={"expressivity": "1-WL", "complexity": "O(|E| d C) time, O(|V| C + |E| d^2) memory"},
)
class ConnectionSheafConv(SheafDiffusion):
    r"""Diffusion with the connection Laplacian, from `Sheaf Neural Networks with Connection
    Laplacians <https://arxiv.org/abs/2206.08702>`_ (Barbero et al., TAG-ML 2022).

    The step of :class:`SheafConv` with transports that are not learned: each node has a local frame
    of its neighbours' features, and an edge carries over what one frame says in terms of the other
    (:func:`graphpoly.ops.connection`).

    .. math::
        X \leftarrow (1 + \tanh \varepsilon) \odot X - \mathrm{ELU}\!\left(\Delta\, (I \otimes W_1)
        X W_2\right), \qquad L_{vv} = \deg(v)\, I, \quad L_{vu} = -O_{vu}

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature, a multiple of the dimension of the stalks.
        stalk_dim: d.
        borrow: See :func:`connection_maps`; for transports made on the fly.
        add_lp: Add a stalk coordinate that every edge carries over as it is.
        add_hp: Add one that every edge carries over with the opposite sign.
        normalization: ``"augmented"``, ``"sym"`` or None, see :class:`SheafLaplacian`.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        dropout: Probability before :math:`W_1` and :math:`W_2`.
        linear: Map the input linearly to ``out_channels`` first; otherwise it is taken for the
            stalks, and must have that size.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional), ``edge_attr``
          :math:`(E, d^2)` (optional): the transports, as :class:`ConnectionMaps` stores them;
          without them they are made of the input on the fly, for which a batch of graphs needs
          ``batch`` :math:`(N)`
        - **output:** :math:`(N, C)`

        Directions, parallel edges, loops and isolated nodes: as for :class:`SheafConv`.

    Complexity:
        O(E d C + N C (d + C)) time, O(E d^2 + N C) memory, and that of
        :func:`graphpoly.ops.connection` where transports are made on the fly.

    Differences from the paper:
        There is no published code. Transports have no gradient, as in the paper, also where they
        are made on the fly. Frames are unique up to an orthogonal matrix, and so the spectrum of
        :math:`\Delta` is, not the outputs; :func:`graphpoly.ops.connection` says how signs are
        settled and what is done about nodes with few neighbours. :math:`\Delta` is normalised by D
        + I as in neural sheaf diffusion.

    Example:
        >>> import torch
        >>> conv = ConnectionSheafConv(16, 8, stalk_dim=2)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> x = torch.randn(3, 16)
        >>> maps = connection_maps(x, edge_index, 2)
        >>> torch.equal(conv(x, edge_index), conv(x, edge_index, edge_attr=maps))
        True
    """

    printed: ClassVar[dict[str, object]] = {"borrow": True, **SheafDiffusion.printed}
    reads_both_ways = True  # frames are of neighbours whatever the direction

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stalk_dim: int = 2,
        borrow: bool = True,
        add_lp: bool = False,
        add_hp: bool = False,
        normalization: str | None = "augmented",
        normalize: bool | None = None,
        dropout: float = 0.0,
        linear: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            stalk_dim=stalk_dim,
            add_lp=add_lp,
            add_hp=add_hp,
            normalization=normalization,
            normalize=normalize,
            dropout=dropout,
            linear=linear,
        )
        self.borrow = borrow
        self.reset_parameters()

    @property
    def edge_dim(self) -> int:
        """Size of ``edge_attr``."""
        return self.stalk_dim**2

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Diffuse the features.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            edge_attr: Transports, ``[E, d * d]`` or ``[E, d, d]``.
            batch: Graph of each node, ``[N]``; read where there is no ``edge_attr``.
        """
        check_batch(batch)
        stalks = self.stalks(x)
        laplacian = self._laplacian(x, stalks, edge_index, edge_weight, edge_attr, batch)
        return self.diffuse(laplacian, stalks)

    def laplacian(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SheafLaplacian:
        """Return the Laplacian that :meth:`forward` diffuses with; arguments likewise."""
        stalks = self.stalks(x)
        return self._laplacian(x, stalks, edge_index, edge_weight, edge_attr, batch)

    def _laplacian(
        self,
        x: Tensor,
        stalks: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None,
        edge_attr: Tensor | None,
        batch: Tensor | None,
    ) -> SheafLaplacian:
        adj = self.structure(stalks, edge_index, edge_weight)
        size = self.stalk_dim
        if edge_attr is None:
            transport = connection(adj, x, size, batch=batch, borrow=self.borrow)
        else:
            if edge_attr.shape not in ((adj.num_entries, size**2), (adj.num_entries, size, size)):
                raise ValueError(
                    f"edge_attr: got shape {tuple(edge_attr.shape)}, expected the transports "
                    f"[{adj.num_entries}, {size**2}]"
                )
            transport = edge_attr.view(-1, size, size)
            if adj.perm is not None:
                transport = transport[adj.perm]
        return self.assemble(adj, transport)
