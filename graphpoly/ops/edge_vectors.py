r"""The vector from the source to the target of each entry, in free space or in a periodic one.

.. math::
    r_{ij} = x_i - x_j - \sum_k n_k a_k, \qquad
    n = \mathrm{round}\big((x_i - x_j) A^{-1}\big)

where the rows :math:`a_k` of A span the cell, and n names the periodic image that is near.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_batch, check_device, check_values
from graphpoly.ops.entry_sum import entry_sum

__all__ = ["edge_vectors"]


def edge_vectors(
    adj: CSR, pos: Tensor, *, cell: Tensor | None = None, batch: Tensor | None = None
) -> Tensor:
    """Return the position of each entry's target less that of its source.

    Args:
        adj: The pattern, square; its values are not read.
        pos: Positions in any number D of dimensions, ``[N, D]``.
        cell: Vectors that span a periodic cell, as rows, ``[D, D]``, or those of each graph,
            ``[B, D, D]``. The image that is taken is the nearest one wherever that is closer than
            half the smallest height of the cell; in a rectangular cell, always.
        batch: Graph of each node, ``[N]``, for cells of several graphs.

    Returns:
        ``[E, D]``, in the order of the entries, of the dtype of ``pos``.

    Raises:
        TypeError: If ``pos`` or ``cell`` is not floating-point.
        ValueError: If shapes do not fit, a cell has no volume, or ``batch`` is missing.

    Complexity: O(E D) time without a cell, O(E D^2) with one; O(E D) memory. The image is constant
    in the backward pass, which reaches ``cell`` through the vectors that were taken off.

    >>> import torch
    >>> from graphpoly.ops import edge_vectors, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> pos = torch.tensor([[0.5, 0.0], [9.5, 0.0]])
    >>> edge_vectors(adj, pos).tolist()
    [[-9.0, 0.0], [9.0, 0.0]]
    >>> edge_vectors(adj, pos, cell=10 * torch.eye(2)).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    check_values("pos", pos, adj.num_rows, None, device=adj.col.device)
    vector = entry_sum(adj, pos, -pos)
    if cell is None:
        return vector
    _, dtype = floating(pos=pos, cell=cell)
    _check_cell(cell, pos)
    graph = None
    if cell.dim() == 3:
        if batch is None and cell.size(0) != 1:
            raise ValueError(f"batch: got None, needed for the cells of {cell.size(0)} graphs")
        if batch is None:
            cell = cell[0]
        else:
            check_device("batch", batch, pos.device)
            check_batch(batch, pos.size(0), cell.size(0))
            graph = batch.index_select(0, adj.rows().long()).long()
    inverse, wrong = torch.linalg.inv_ex(cell.detach().to(dtype))
    if not torch.compiler.is_compiling() and bool(wrong.any()):
        raise ValueError("cell: got vectors that span no volume")
    image = _times(vector.detach().to(dtype), inverse, graph).round()
    return (vector - _times(image, cell, graph)).to(pos.dtype)


def _check_cell(cell: Tensor, pos: Tensor) -> None:
    check_device("cell", cell, pos.device)
    size = (pos.size(1), pos.size(1))
    if cell.dim() not in (2, 3) or cell.shape[-2:] != size:
        raise ValueError(
            f"cell: got shape {list(cell.shape)}, expected {list(size)} or one for each graph"
        )


def _times(rows: Tensor, matrix: Tensor, graph: Tensor | None) -> Tensor:
    """Multiply each row by the matrix of its graph: sums that autocast leaves alone."""
    out = torch.zeros_like(rows)
    for k in range(rows.size(1)):
        out = out + rows[:, k : k + 1] * (matrix[k] if graph is None else matrix[graph, k])
    return out
