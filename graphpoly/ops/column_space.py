r"""The dominant column space of a sparse operator, by randomised subspace iteration.

Of a matrix :math:`A \approx U S V^\top` of rank q the span of U is found without A ever being
dense: a product with a fixed pseudo-random matrix, then a few more with A and its transpose, each
followed by an orthonormalisation (Halko, Martinsson, Tropp. Finding structure with randomness. SIAM
Review 53, 2011).

The result is an orthonormal basis of that span, not U itself. The last step of a randomised SVD, a
rotation of the basis, is left out on purpose: wherever singular values come in pairs, on every
bipartite graph for instance, rounding alone would decide it. The basis here moves continuously with
A, and whoever multiplies it by a free matrix cannot tell the two apart.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.dtypes import check_real
from graphpoly.ops.entry import affordable, as_size, check_ascending, check_batch, check_unmapped
from graphpoly.ops.library import implement

__all__ = ["column_space", "column_space_reference"]

# A direction is exhausted where what is left of a column is that much shorter than the longest.
_ROUNDING = 1e-10
_HIGHEST = 2**24  # rank


def column_space(
    adj: CSR,
    rank: int,
    *,
    iterations: int = 4,
    seed: int = 0,
    batch: Tensor | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Return an orthonormal basis of (nearly) the best column space of a given dimension.

    Args:
        adj: Square operator A with N rows.
        rank: Dimension q.
        iterations: Further pairs of products with the transpose and A; each squares the ratio by
            which smaller singular values are damped.
        seed: Which pseudo-random start is taken. The same seed gives the same start everywhere.
        batch: Graph of each node, ``[N]``, in ascending order: each graph gets the basis that it
            would get alone.
        batch_size: Number of graphs, if known; otherwise N serves as a bound.

    Returns:
        ``[N, q]``, float64, without a gradient. Columns beyond the rank of A are zero.

    Complexity: 2 ``iterations`` + 1 products, O(E q), and as many orthonormalisations, O(N q^2).

    >>> import torch
    >>> from graphpoly.ops import column_space, to_csr
    >>> star = to_csr(torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]]), num_nodes=3)
    >>> basis = column_space(star, 3)  # a star has rank 2
    >>> (basis @ basis.T).round(decimals=6) + 0.0
    tensor([[1.0000, 0.0000, 0.0000],
            [0.0000, 0.5000, 0.5000],
            [0.0000, 0.5000, 0.5000]], dtype=torch.float64)
    """
    num_nodes = adj.num_rows
    if adj.num_cols != num_nodes:
        raise ValueError(f"adj: got {num_nodes} x {adj.num_cols}, a square operator is needed")
    check_real(adj)
    rank = as_size("rank", rank, most=_HIGHEST)
    iterations = as_size("iterations", iterations)
    seed = as_size("seed", seed, least=-(2**31), most=2**31 - 1)
    # without a size N is what bounds the number of graphs
    check_batch(batch, num_nodes, num_nodes if batch_size is None else batch_size)
    if batch is not None:
        check_unmapped("batch", batch)
    check_ascending(batch)
    num_graphs = 1 if batch is None else (num_nodes if batch_size is None else batch_size)
    return affordable(
        lambda: f"rank: got {rank} for {num_nodes} nodes",
        torch.ops.graphpoly.column_space,
        adj.rowptr,
        adj.col,
        None if adj.weight is None else adj.weight.detach().double(),
        rank,
        iterations,
        seed,
        batch,
        num_graphs,
        *(adj.transposed or (None, None, None)),
    )


def column_space_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    rank: int,
    iterations: int,
    seed: int,
    graph: Tensor | None,
    num_graphs: int,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """The definition, in plain PyTorch."""
    num_nodes = rowptr.size(0) - 1
    if colptr is None or row is None or tperm is None:
        colptr, row, tperm = transpose(rowptr, col, num_nodes)
    weight = None if weight is None else weight.double()
    forth, none = (rowptr, col, weight), (None, None, None)
    back = (colptr, row, None if weight is None else weight.index_select(0, tperm))
    spmm = torch.ops.graphpoly.spmm_sum
    basis = _start(num_nodes, rank, seed, graph, num_graphs, col.device)
    basis = _orthonormal(spmm(*forth, basis, *none, False), graph, num_graphs)
    for _ in range(iterations):
        basis = _orthonormal(spmm(*back, basis, *none, False), graph, num_graphs)
        basis = _orthonormal(spmm(*forth, basis, *none, False), graph, num_graphs)
    return basis.contiguous()


def _start(
    num_nodes: int,
    rank: int,
    seed: int,
    graph: Tensor | None,
    num_graphs: int,
    device: torch.device,
) -> Tensor:
    """Uniform in [-1, 1): a hash of the place within the graph, the column and the seed alone."""
    node = torch.arange(num_nodes, device=device)
    if graph is not None:
        count = torch.zeros(num_graphs, dtype=node.dtype, device=device)
        count = count.index_add(0, graph, torch.ones_like(node))
        node = node - (count.cumsum(0) - count)[graph]
    column = torch.arange(rank, device=device)
    bits = node.unsqueeze(1) * 2654435761 + column * 40503 + seed * 97531
    for _ in range(3):  # a multiply-and-shift mix of 32 bits
        bits = bits & 0xFFFFFFFF
        bits = (bits ^ (bits >> 16)) * 73244475
    return ((bits >> 4) & 0xFFFFFF).double() / 2**23 - 1


def _orthonormal(columns: Tensor, graph: Tensor | None, num_graphs: int) -> Tensor:
    """Orthonormalise ``[N, q]`` column by column, the first ones first, graph by graph."""
    if graph is not None:
        return _gram_schmidt(columns, graph, num_graphs)
    # rows of zeros below, so that there are at least as many rows as columns
    rank = columns.size(1)
    tall = torch.cat([columns, columns.new_zeros(rank, rank)])
    basis, upper = torch.linalg.qr(tall)
    length = upper.diagonal()
    alive = length.abs() > _ROUNDING * length.abs().amax() if rank else length > 0
    return basis[: columns.size(0)] * torch.where(alive, length.sign(), 0)


def _gram_schmidt(columns: Tensor, graph: Tensor, num_graphs: int) -> Tensor:
    basis = columns.new_zeros(columns.size(0), 0)
    longest = columns.new_zeros(num_graphs)
    for column in columns.unbind(1):
        for _ in range(2):
            overlap = columns.new_zeros(num_graphs, basis.size(1))
            overlap = overlap.index_add(0, graph, basis * column.unsqueeze(1))
            column = column - (basis * overlap[graph]).sum(1)
        length = columns.new_zeros(num_graphs).index_add(0, graph, column * column).sqrt()
        longest = torch.maximum(longest, length)
        alive = (length > _ROUNDING * longest)[graph]
        column = torch.where(alive, column / torch.where(alive, length[graph], 1), 0)
        basis = torch.cat([basis, column.unsqueeze(1)], 1)
    return basis


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    rank: int,
    iterations: int,
    seed: int,
    graph: Tensor | None,
    num_graphs: int,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> Tensor:
    return rowptr.new_empty((rowptr.size(0) - 1, rank), dtype=torch.float64)


implement("column_space", reference=column_space_reference, fake=_fake)
