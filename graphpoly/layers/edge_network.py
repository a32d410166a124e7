"""Messages through a matrix that each edge makes of its features, none of which is ever stored."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.linear import width_of
from graphpoly.ops import CSR, block_spmm

__all__ = ["EdgeNetwork"]


class EdgeNetwork(nn.Module):
    r"""What each target hears through matrices made of the features of the edges.

    .. math::
        m_i = \sum_{j \to i} A(e_{ji})\, h_j, \qquad
        A(e) = B + \sum_{k=1}^{K} \varphi_k(e)\, W_k

    where :math:`\varphi` is a linear map and a ReLU, or the identity. The sum over edges comes
    first and the matrices last, which is the same number:

    .. math::
        m_i = B \sum_{j \to i} h_j + \sum_{k=1}^{K} W_k \sum_{j \to i} \varphi_k(e_{ji})\, h_j

    so that what is stored are K + 1 vectors for each node, where the matrices would be one of
    :math:`C \times F` for each edge. Wherever there are no fewer edges than nodes, this is the
    cheaper order.

    Args:
        in_channels: Size F of h, or -1 to take it from the first input.
        out_channels: Size C of what is heard.
        edge_dim: Size of e, or None where edges carry nothing and A is B.
        edge_channels: Size K of :math:`\varphi(e)`, or None for e itself.

    Shapes:
        - **input:** an operator of E entries, h :math:`(N, F)`, e :math:`(E, D)` and a mask
          :math:`(E)` in the order of the entries
        - **output:** :math:`(N, C)`

    Complexity: O(K (E F + N F C)) time, O(K (E + N F)) memory.
    """

    def __init__(
        self, in_channels: int, out_channels: int, edge_dim: int | None, edge_channels: int | None
    ) -> None:
        super().__init__()
        self.phi: nn.Module | None = None
        terms = 1
        if edge_dim is not None:
            terms += edge_dim if edge_channels is None else edge_channels
            if edge_channels is not None:
                self.phi = nn.Sequential(Linear(edge_dim, edge_channels), nn.ReLU())
        self.terms = terms
        # W_1 to W_K and B side by side
        self.lin = Linear(-1 if in_channels < 0 else terms * in_channels, out_channels, bias=False)

    @property
    def in_channels(self) -> int:
        """Size of h; -1 where the first input has yet to say so."""
        width = width_of(self.lin)
        return -1 if width < 0 else width // self.terms

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        reset(self.phi)
        self.lin.reset_parameters()

    def forward(
        self, adj: CSR, x: Tensor, edge_attr: Tensor | None, mask: Tensor | None = None
    ) -> Tensor:
        """Return ``[N, out_channels]``.

        Args:
            adj: The entries (target, source); values are not read.
            x: ``[N, in_channels]``.
            edge_attr: ``[E, edge_dim]``, with ``edge_dim``.
            mask: What each edge is multiplied by, ``[E]``.
        """
        factor = x.new_ones(adj.num_entries, 1)
        if edge_attr is not None:
            carried = edge_attr if self.phi is None else self.phi(edge_attr)
            factor = torch.cat([carried, factor], dim=1)
        if mask is not None:
            factor = factor * mask.unsqueeze(-1)
        heard = block_spmm(adj, factor, x.unsqueeze(1).expand(-1, self.terms, -1))
        out: Tensor = self.lin(heard.flatten(1))
        return out
