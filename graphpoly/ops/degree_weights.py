r"""Values of an operator without weights, by the degrees of its nodes.

With the weight :math:`a_e \in \{0, 1\}` of each entry and :math:`d_i = \sum_{e = (j, i)} a_e`, an
entry from j to i becomes :math:`a_e / \sqrt{d_i d_j}` or :math:`a_e / d_i`; 0 where a degree is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.coo_to_csr import entry_rows
from graphpoly.ops.library import implement

__all__ = ["LOOPS", "degree_weights", "degree_weights_reference"]

# what becomes of the self-loops of a graph that was given one more for each node: they all count,
# the new one takes their place, or it counts where there was none
LOOPS = ("kept", "replaced", "missing")
_RULES = (None, "sym", "rw")
_OPERATOR = torch.ops.graphpoly.degree_weights.default


def degree_weights(
    rowptr: Tensor,
    col: Tensor,
    perm: Tensor | None,
    num_edges: int,
    *,
    loops: str = "kept",
    normalization: str | None = "sym",
    dtype: torch.dtype,
) -> Tensor:
    """Return the value of each entry of a square operator, ``[E]``.

    Args:
        rowptr: ``[N+1]``.
        col: ``[E]``.
        perm: Which edge each entry is, ``[E]``: from ``num_edges`` on it is a new loop.
        num_edges: Number of entries that are edges of the graph.
        loops: One of :data:`LOOPS`.
        normalization: ``"sym"``, ``"rw"`` or None.
        dtype: float32 or float64 of the values; others are rounded from float32.

    Complexity: O(E + N).
    """
    wide = dtype == torch.float64
    rule = LOOPS.index(loops), _RULES.index(normalization)
    out: Tensor = _OPERATOR(rowptr, col, perm, num_edges, *rule, wide)
    return out.to(dtype)


def degree_weights_reference(
    rowptr: Tensor,
    col: Tensor,
    perm: Tensor | None,
    num_edges: int,
    loops: int,
    rule: int,
    wide: bool,
) -> Tensor:
    """The definition of ``graphpoly::degree_weights`` in plain PyTorch."""
    dtype = torch.float64 if wide else torch.float32
    rows, num_nodes = entry_rows(rowptr, col.size(0)), rowptr.size(0) - 1
    weight = torch.ones(col.size(0), dtype=dtype, device=col.device)
    if loops:
        assert perm is not None
        own, added = rows == col, perm >= num_edges
        held = torch.zeros(num_nodes + 1, dtype=torch.bool, device=col.device)
        held = held.index_fill(0, torch.where(own & ~added, rows, num_nodes).long(), True)
        silent = added if LOOPS[loops] == "missing" else ~added
        weight = (~(own & silent & held[rows.long()])).to(dtype)
    if _RULES[rule] is None:
        return weight
    degree = weight.new_zeros(num_nodes).index_add(0, rows, weight)
    positive = degree > 0
    safe = torch.where(positive, degree, 1)
    if _RULES[rule] == "rw":
        return weight * torch.where(positive, 1 / safe, 0)[rows]
    scale = torch.where(positive, safe.rsqrt(), 0)
    return weight * scale[rows] * scale[col]


def _fake(
    rowptr: Tensor,
    col: Tensor,
    perm: Tensor | None,
    num_edges: int,
    loops: int,
    rule: int,
    wide: bool,
) -> Tensor:
    torch._check(rowptr.dim() == 1 and col.dim() == 1)
    return rowptr.new_empty(col.size(0), dtype=torch.float64 if wide else torch.float32)


implement("degree_weights", reference=degree_weights_reference, fake=_fake)
