"""The Laplacian of a cellular sheaf on a graph, as an operator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops import CSR, block_spmm, matrix_root, spmm

__all__ = ["NORMALIZATIONS", "SheafLaplacian", "inverse_root"]

NORMALIZATIONS = ("augmented", "sym")
_DENSE = 8192  # rows of the largest matrix that spectrum() makes dense


@dataclass(frozen=True, eq=False)
class SheafLaplacian:
    r"""Laplacian of a sheaf with stalks :math:`\mathbb{R}^d`.

    An edge between v and u has a stalk of its own, and the maps :math:`F_v, F_u` restrict the
    stalks of its ends to it. With :math:`D_v = \sum_u |w_{vu}|\, F_v^\top F_v` and the transport
    :math:`A_{vu} = w_{vu}\, F_v^\top F_u`:

    .. math::
        L = D - A, \qquad \Delta = S\, (D - A)\, S, \qquad
        x^\top L\, x = \sum_{\{v, u\}} |w_{vu}|\, \lVert F_v x_v \mp F_u x_u \rVert^2

    (minus for positive weights, plus for negative ones). S is :math:`(D + I)^{-1/2}` (augmented),
    :math:`D^{-1/2}`, zero where D is, or I. A loop changes nothing: it has both ends in one place.

    Attributes:
        adj: Structure and weights, N by N.
        transport: :math:`F_v^\top F_u` for each entry, without the weight: ``[E, d, d]``, their
            diagonals ``[E, d]``, or None for the identity.
        degree: D: ``[N]`` (times I), diagonals ``[N, d]``, or ``[N, d, d]``.
        scale: S in the same form, or None for I.
        stalk_dim: d.

    Complexity:
        :meth:`matvec` O(E d^2 F) time, O(E d F) where maps are diagonal, O(N d F) memory.
    """

    adj: CSR
    transport: Tensor | None
    degree: Tensor
    scale: Tensor | None
    stalk_dim: int

    @property
    def num_nodes(self) -> int:
        """Number of nodes N; the operator has N d rows."""
        return self.adj.num_rows

    def matvec(self, x: Tensor) -> Tensor:
        """Return the product with ``x``, ``[N, d, F]``."""
        if x.dim() != 3 or x.shape[:2] != (self.num_nodes, self.stalk_dim):
            raise ValueError(
                f"x: got shape {tuple(x.shape)}, expected [{self.num_nodes}, {self.stalk_dim}, F]"
            )
        scaled = _times(self.scale, x)
        return _times(self.scale, _times(self.degree, scaled) - self._carried(scaled))

    def _carried(self, x: Tensor) -> Tensor:
        adj = self.adj
        if self.transport is None:
            return spmm(adj, x)
        blocks = self.transport
        if adj.weight is not None:
            blocks = blocks * adj.weight.view(-1, *[1] * (blocks.dim() - 1)).to(blocks.dtype)
        return block_spmm(adj, blocks, x)

    def to_sparse(self) -> Tensor:
        """Return the matrix ``[N d, N d]`` in ``torch.sparse_coo`` layout, coalesced.

        Row ``v d + i`` is coordinate i of the stalk of node v.
        """
        num_nodes, size, adj = self.num_nodes, self.stalk_dim, self.adj
        degree = _blocks(self.degree, num_nodes, size)
        carried = self.transport
        if carried is None:
            carried = degree.new_ones(adj.num_entries)
        carried = _blocks(carried, adj.num_entries, size)
        if adj.weight is not None:
            carried = carried * adj.weight.view(-1, 1, 1)
        if self.scale is not None:
            scale = _blocks(self.scale, num_nodes, size)
            degree = scale @ degree @ scale
            carried = scale[adj.rows()] @ carried @ scale[adj.col]
        node = torch.arange(num_nodes, device=adj.col.device)
        row = torch.cat([node, adj.rows().long()]).view(-1, 1, 1) * size
        col = torch.cat([node, adj.col.long()]).view(-1, 1, 1) * size
        place = torch.arange(size, device=adj.col.device)
        shape = (row.size(0), size, size)
        index = [
            (row + place.view(1, -1, 1)).expand(shape),
            (col + place.view(1, 1, -1)).expand(shape),
        ]
        return torch.sparse_coo_tensor(
            torch.stack([part.reshape(-1) for part in index]),
            torch.cat([degree, -carried]).reshape(-1),
            (num_nodes * size, num_nodes * size),
            check_invariants=False,
            device=carried.device,
        ).coalesce()

    def to_dense(self) -> Tensor:
        """Return the matrix ``[N d, N d]``."""
        return self.to_sparse().to_dense()

    def spectrum(self) -> Tensor:
        """Return all eigenvalues in ascending order, ``[N d]``, in float64.

        Raises:
            ValueError: If the operator is not symmetric, or too large to be made dense.

        Complexity: O((N d)^3).
        """
        rows = self.num_nodes * self.stalk_dim
        if rows > _DENSE:
            raise ValueError(f"spectrum: {rows} rows; at most {_DENSE} are made dense")
        self.require_symmetry()
        return torch.linalg.eigvalsh(self.to_dense().detach().double())

    def dirichlet_energy(self, x: Tensor) -> Tensor:
        r"""Return :math:`x^\top \Delta x` for each channel of ``x`` ``[N, d, F]``: ``[F]``.

        Raises:
            ValueError: If the operator is not symmetric.
        """
        self.require_symmetry()
        return (x * self.matvec(x)).sum((0, 1))

    def require_symmetry(self) -> None:
        """Raise a ValueError unless the matrix is symmetric up to rounding."""
        matrix = self.to_sparse().detach()
        if matrix._nnz() == 0:
            return
        gap = (matrix - matrix.t()).coalesce().values().abs().amax()
        if gap > torch.finfo(matrix.dtype).eps ** 0.75 * matrix.values().abs().amax():
            raise ValueError(
                "edge_index: an edge lacks its reverse with the same weight and the transposed "
                "map, so that the sheaf Laplacian is not symmetric; see "
                "torch_geometric.utils.to_undirected"
            )


def inverse_root(degree: Tensor, normalization: str | None) -> Tensor | None:
    """Return S for the degrees D, in their form.

    Raises:
        ValueError: If the normalization is unknown, or ``"sym"`` for full blocks, whose rank may
            change from one step of training to the next.
    """
    if normalization is None:
        return None
    if normalization not in NORMALIZATIONS:
        raise unknown("normalization", normalization, NORMALIZATIONS)
    if degree.dim() == 3:
        if normalization == "sym":
            raise ValueError(
                "normalization: 'sym' needs degrees of full rank, which general maps do not "
                "promise; 'augmented' and None are accepted"
            )
        augmented = degree + torch.eye(degree.size(-1), dtype=degree.dtype, device=degree.device)
        return torch.linalg.inv(matrix_root(augmented))
    if normalization == "augmented":
        return (degree + 1).rsqrt()
    positive = degree > 0
    return torch.where(positive, torch.where(positive, degree, 1).rsqrt(), 0)


def _times(blocks: Tensor | None, x: Tensor) -> Tensor:
    """Multiply each stalk by its block, whatever form the blocks are in."""
    if blocks is None:
        return x
    if blocks.dim() == 3:
        return blocks.to(x.dtype) @ x
    return blocks.to(x.dtype).view(x.size(0), 1 if blocks.dim() == 1 else x.size(1), 1) * x


def _blocks(values: Tensor, count: int, size: int) -> Tensor:
    """Any form of blocks as ``[count, size, size]``."""
    if values.dim() == 3:
        return values
    return torch.diag_embed(values.view(count, -1 if count else size).expand(count, size))
