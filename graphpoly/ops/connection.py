r"""The connection of a point cloud on a graph: local frames, and the rotations between them.

The frame :math:`T_v` of a node has as columns the first d left singular vectors of the differences
:math:`x_u - x_v` to its neighbours (a local PCA: the tangent space, if features lie on a manifold).
The transport from u to v is the orthogonal matrix that aligns the frames best (a Procrustes
problem):

.. math::
    O_{vu} = \arg\min_{O} \lVert T_u - T_v\, O \rVert_F = U V^\top, \qquad
    T_v^\top T_u = U S V^\top

Singer, Wu. Vector diffusion maps and the connection Laplacian. Communications on Pure and Applied
Mathematics 65, 2012.

Where a frame has fewer than d directions (see ``borrow``), its last columns are zero, and the
transport is the partial isometry :math:`U V^\top` over the positive singular values: what one end
has no direction for is not transported. Frames are unique up to signs, which are settled by the sum
of the cubes of a column's entries, and where singular values are equal only up to a rotation: then
transports change with it, the spectrum of their Laplacian does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.block_spmm import block_sddmm
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable, as_size, check_batch, check_values
from graphpoly.ops.library import implement

__all__ = ["connection", "connection_reference", "local_frames"]

_CHUNK = 1 << 23  # numbers in the differences of one chunk of nodes
_EXHAUSTED = 1e-10  # of the largest squared singular value of a node
_HIGHEST = 2**20  # rank
_SINGULAR = 1e-6  # of 1, the largest singular value that two frames can have


def connection(
    adj: CSR,
    x: Tensor,
    rank: int,
    *,
    batch: Tensor | None = None,
    borrow: bool = True,
) -> Tensor:
    """Return the transport along each entry of ``adj``, from its source to its target.

    Args:
        adj: Square operator with N rows; its values are not read.
        x: ``[N, F]``.
        rank: Dimension d of the frames.
        batch: Graph of each node, ``[N]``: who may lend to whom.
        borrow: Where a node has fewer than d neighbours, take the nearest other nodes of its graph
            for neighbours (of equally near ones the first).

    Returns:
        ``[E, d, d]``, in the order of the entries, without a gradient.

    Complexity: O(sum_v n_v^2 F) for n_v neighbours, or O(sum_v n_v F^2 + N F^3) where that is
    less; O(E d^2 F) for the transports; O(N d F + E d^2) memory.
    """
    if adj.num_rows != adj.num_cols or x.dim() != 2 or x.size(0) != adj.num_rows:
        raise ValueError(
            f"x: got shape {tuple(x.shape)} for {adj.num_rows} targets and {adj.num_cols} sources; "
            "expected [N, F] and a square operator"
        )
    rank = as_size("rank", rank, least=1, most=_HIGHEST)
    check_batch(batch, adj.num_rows)
    check_values("x", x, adj.num_rows, None)
    _, dtype = floating(x=x)
    out: Tensor = affordable(
        lambda: f"rank: got {rank} for {adj.num_entries} entries",
        torch.ops.graphpoly.connection,
        adj.rowptr,
        adj.col,
        x.detach().to(dtype),
        rank,
        batch,
        borrow,
    )
    return out


def connection_reference(
    rowptr: Tensor,
    col: Tensor,
    x: Tensor,
    rank: int,
    graph: Tensor | None = None,
    borrow: bool = True,
) -> Tensor:
    """The definition of ``graphpoly::connection`` in plain PyTorch."""
    adj = trusted_csr(rowptr, col, None, None, x.size(0), None)
    frames = local_frames(adj, x, rank, batch=graph, borrow=borrow)
    left, value, right = torch.linalg.svd(block_sddmm(adj, frames, frames).double())
    return ((left * (value > _SINGULAR).unsqueeze(-2)) @ right).to(x.dtype).contiguous()


def local_frames(
    adj: CSR, x: Tensor, rank: int, *, batch: Tensor | None = None, borrow: bool = True
) -> Tensor:
    """Return the local frame of each node, ``[N, d, F]``: orthonormal rows, the last ones zero
    where there are too few directions.

    Neighbours are the other ends of a node's edges whatever their direction, each once.

    Arguments as for :func:`connection`.
    """
    node, neighbour = _neighbours(adj)
    if borrow:
        node, neighbour = _with_nearest(node, neighbour, x, rank, batch)
    count = torch.bincount(node, minlength=x.size(0))
    start = count.cumsum(0) - count
    frames = x.new_zeros(x.size(0), rank, x.size(1))
    order = torch.argsort(count, stable=True)
    order = order[count[order] > 0]
    # nodes with about as many neighbours go through one decomposition
    for nodes in _chunks(order, count, x.size(1)):
        place = torch.arange(int(count[nodes].max()), device=x.device)
        here = place < count[nodes].unsqueeze(1)
        index = neighbour[torch.where(here, start[nodes].unsqueeze(1) + place, 0)]
        difference = (x[index] - x[nodes].unsqueeze(1)).double() * here.unsqueeze(-1)
        frames[nodes] = _directions(difference, rank).to(x.dtype)
    return frames


def _neighbours(adj: CSR) -> tuple[Tensor, Tensor]:
    """Each pair of neighbours once in both orders, sorted."""
    rows, cols = adj.rows().long(), adj.col.long()
    code = torch.cat([rows * adj.num_cols + cols, cols * adj.num_cols + rows])
    code = code[torch.cat([rows != cols] * 2)].unique()
    size = max(adj.num_cols, 1)
    return code // size, code % size


def _with_nearest(
    node: Tensor, neighbour: Tensor, x: Tensor, rank: int, batch: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Add the nearest strangers of nodes with fewer than ``rank`` neighbours."""
    num_nodes = x.size(0)
    missing = rank - torch.bincount(node, minlength=num_nodes)
    needy, lent = (missing > 0).nonzero().squeeze(1), []
    if not needy.numel():
        return node, neighbour
    exact = x.double()
    for some in needy.split(max(1, _CHUNK // max(num_nodes, 1))):
        distance = torch.cdist(exact[some], exact)
        if batch is not None:
            distance.masked_fill_(batch[some].unsqueeze(1) != batch, torch.inf)
        # distances that differ by rounding alone are equal
        scale = distance.masked_fill(distance.isinf(), 0).amax(1, keepdim=True)
        distance = (distance / torch.where(scale > 0, scale, 1) * 1e7).round()
        row = torch.full((num_nodes,), -1, device=x.device)
        row[some] = torch.arange(some.numel(), device=x.device)
        known = row[node] >= 0
        distance[row[node[known]], neighbour[known]] = torch.inf
        distance[row[some], some] = torch.inf
        value, index = distance.sort(dim=1, stable=True)
        value, index = value[:, :rank], index[:, :rank]
        wanted = torch.arange(value.size(1), device=x.device) < missing[some].unsqueeze(1)
        wanted &= value.isfinite()
        lent.append(torch.stack([some.unsqueeze(1).expand_as(index)[wanted], index[wanted]]))
    both = torch.cat([torch.stack([node, neighbour]), *lent], 1)
    both = both[:, torch.argsort(both[0], stable=True)]
    return both[0], both[1]


def _chunks(order: Tensor, count: Tensor, num_features: int) -> list[Tensor]:
    """Cut nodes in the order of their counts where these double or memory would run out."""
    if not order.numel():
        return []
    octave = torch.floor(torch.log2(count[order].double()))
    _, sizes = octave.unique_consecutive(return_counts=True)
    chunks: list[Tensor] = []
    for part in order.split(sizes.tolist()):
        largest = int(count[part[-1]])
        chunks += part.split(max(1, _CHUNK // (largest * max(num_features, 1))))
    return chunks


def _directions(difference: Tensor, rank: int) -> Tensor:
    """First right singular vectors of ``[B, n, F]``: ``[B, rank, F]``, zero where there are none.

    Through the smaller of the two Gram matrices, in float64.
    """
    num, features = difference.shape[1:]
    if features == 0:
        return difference.new_zeros(difference.size(0), rank, 0)
    if num <= features:
        value, vector = torch.linalg.eigh(difference @ difference.mT)
        value, vector = value[:, -rank:].flip(1), vector[:, :, -rank:].flip(2)
        direction = vector.mT @ difference
    else:
        value, vector = torch.linalg.eigh(difference.mT @ difference)
        value, vector = value[:, -rank:].flip(1), vector[:, :, -rank:].flip(2)
        direction = vector.mT
    alive = value > _EXHAUSTED * value[:, :1].clamp(min=0)
    length = direction.norm(dim=2)
    sign = torch.where((direction**3).sum(2) < 0, -1, 1)
    scale = torch.where(alive, sign / torch.where(alive, length, 1), 0)
    direction = direction * scale.unsqueeze(-1)
    lacking = rank - direction.size(1)
    return torch.nn.functional.pad(direction, (0, 0, 0, lacking))


def _fake(
    rowptr: Tensor, col: Tensor, x: Tensor, rank: int, graph: Tensor | None, borrow: bool
) -> Tensor:
    torch._check(x.dim() == 2)
    return x.new_empty(col.size(0), rank, rank)


implement("connection", reference=connection_reference, fake=_fake)
