r"""Greedy total resistance: each edge lowers the sum of all effective resistances most.

With :math:`L^+` the pseudo-inverse of the Laplacian and :math:`b = e_u - e_v`, an edge (u, v)
lowers the total resistance :math:`R_{tot} = n\,\mathrm{tr}\,L^+` of a connected graph by exactly

.. math::
    n\,\frac{B^2(u, v)}{1 + R(u, v)}, \qquad R = b^\top L^+ b, \quad B^2 = b^\top (L^+)^2 b

Components are never joined; their resistances are added. Equal gains, up to a relative 1e-10, go to
the pair with the smaller nodes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.entry import affordable, as_size, check_device, check_graphs, check_held
from graphpoly.ops.library import implement, interruptible

__all__ = ["gtr"]

_TIE = 1e-10


def gtr(
    rowptr: Tensor, col: Tensor, pinv: Tensor, square: Tensor, part: Tensor, num_edges: int
) -> tuple[Tensor, Tensor]:
    """Return the pairs that are joined, in turn, and n times their gains.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours, ``[E]``; one undirected graph without loops.
        pinv: :math:`L^+`, float64 ``[N, N]``.
        square: :math:`(L^+)^2`, float64 ``[N, N]``; only what is above the diagonal and on it.
        part: Component of each node, ``[N]``, int64.
        num_edges: Number of edges to add.

    Returns:
        ``[2, num_edges]``, int64, the smaller node first, -1 where none is left; and
        ``[num_edges]``, float64.

    Raises:
        TypeError: If a tensor or a number is of another type.
        ValueError: If they are not such graphs, or a number is out of range.

    Complexity: one pass over all pairs for each edge, O(n^2).
    """
    check_graphs(rowptr, col)
    num_edges, size = as_size("num_edges", num_edges), rowptr.size(0) - 1
    wanted = {
        "pinv": (pinv, torch.float64, (size, size)),
        "square": (square, torch.float64, (size, size)),
        "part": (part, torch.int64, (size,)),
    }
    for name, (tensor, dtype, shape) in wanted.items():
        if tensor.dtype != dtype:
            raise TypeError(f"{name}: got dtype {tensor.dtype}, expected {dtype}")
        if tensor.shape != shape:
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {shape}")
        check_held(name, tensor)
        check_device(name, tensor, col.device)
    found: tuple[Tensor, Tensor] = affordable(
        f"num_edges: got {num_edges}",
        interruptible,
        *(torch.ops.graphpoly.gtr, rowptr, col, pinv, square, part, num_edges),
    )
    return found


def gtr_reference(
    rowptr: Tensor, col: Tensor, pinv: Tensor, square: Tensor, part: Tensor, num_edges: int
) -> tuple[Tensor, Tensor]:
    """The definition, with the formula of Sherman and Morrison for the pseudo-inverse."""
    size = part.numel()
    allowed = (part[:, None] == part).triu(1)
    allowed[torch.repeat_interleave(rowptr.diff()), col] = False
    pairs, drop = col.new_full((2, num_edges), -1), pinv.new_zeros(num_edges)
    for step in range(num_edges):
        if not bool(allowed.any()):
            break
        resistance = _differences(pinv)
        gain = torch.where(allowed, _differences(square) / (1 + resistance), -1)
        place = int((gain >= gain.max() * (1 - _TIE)).flatten().nonzero()[0])
        u, v = divmod(place, size)
        pairs[0, step], pairs[1, step] = u, v
        drop[step] = size * gain[u, v]
        allowed[u, v] = False
        z = pinv[u] - pinv[v]
        pinv = pinv - torch.outer(z, z) / (1 + resistance[u, v])
        square = pinv @ pinv
    return pairs, drop


def _differences(matrix: Tensor) -> Tensor:
    """The form at e_u - e_v for all pairs."""
    own = matrix.diagonal()
    return own[:, None] + own - 2 * matrix


implement(
    "gtr",
    reference=gtr_reference,
    fake=lambda rowptr, col, pinv, square, part, num_edges: (
        col.new_empty(2, num_edges),
        pinv.new_empty(num_edges),
    ),
)
