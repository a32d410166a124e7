"""Operators normalised by the degrees of their nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import (
    CSR,
    _compress,
    _is_sparse,
    _recall,
    _remember,
    _sizes,
    owned,
    to_csr,
)
from graphpoly.ops.degree_weights import degree_weights
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_square, check_weighted
from graphpoly.ops.take_rows import take_rows

__all__ = ["NORMALIZATIONS", "normalize", "rescale"]

NORMALIZATIONS = ("sym", "rw")


def normalize(
    edge_index: Any,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    *,
    normalization: str | None = "sym",
    add_self_loops: bool = False,
    dtype: torch.dtype | None = None,
    transposed: bool = False,
) -> CSR:
    r"""Turn a graph into a degree-normalised operator.

    With the weighted in-degree :math:`d_i = \sum_{e = (j, i)} w_e`:

    .. math::
        P^{\mathrm{sym}}_{ij} = \frac{w_{ij}}{\sqrt{d_i d_j}}, \qquad
        P^{\mathrm{rw}}_{ij} = \frac{w_{ij}}{d_i}

    Nodes whose degree is not positive get zeros, never infinities. On an undirected graph with
    non-negative weights the spectrum of both lies in [-1, 1].

    Args:
        edge_index: As for :func:`to_csr`.
        edge_weight: As for :func:`to_csr`.
        num_nodes: Number of nodes.
        normalization: ``"sym"``, ``"rw"`` or None for the weights as they are.
        add_self_loops: Give each node without a self-loop one of weight 1 first.
        dtype: Floating-point type of the values; default the weights' or the default dtype.
        transposed: Make the transpose, too.

    Returns:
        The operator; its values are the caller's own. Of a graph without weights they are
        remembered as :func:`to_csr` remembers the structure: what it says of edits holds here.

    Raises:
        TypeError: If ``dtype`` is no floating-point dtype, or as :func:`to_csr` does.
        ValueError: If ``normalization`` is unknown, or as :func:`to_csr` does.
    """
    adj = normalized(
        edge_index,
        edge_weight,
        num_nodes,
        normalization=normalization,
        add_self_loops=add_self_loops,
        dtype=dtype,
        transposed=transposed,
    )
    return owned(adj) if edge_weight is None else adj


def normalized(
    edge_index: Any,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    *,
    normalization: str | None = "sym",
    add_self_loops: bool = False,
    dtype: torch.dtype | None = None,
    transposed: bool = False,
) -> CSR:
    """Return what :func:`normalize` does, to be read only: its values may be those of others.

    It saves a layer a copy of the values at every call.
    """
    if normalization is not None and normalization not in NORMALIZATIONS:
        raise unknown("normalization", normalization, NORMALIZATIONS)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"dtype: got {dtype}, a floating-point dtype is accepted")
    plain = edge_weight is None and not _is_sparse(edge_index)
    if plain and dtype is None:
        dtype = torch.get_default_dtype()
    key = ("normalized", normalization, add_self_loops, dtype)
    if plain:
        if num_nodes is None:
            num_nodes, _ = _sizes(edge_index, None, None)
        held = _recall(edge_index, key, num_nodes, num_nodes, transposed)
        if held is not None:
            return held
    adj = to_csr(edge_index, edge_weight, num_nodes, transposed=transposed and not add_self_loops)
    if adj.num_rows != adj.num_cols:
        raise ValueError(
            f"the operator must be square, got {adj.num_rows} targets and {adj.num_cols} sources"
        )
    if adj.weight is None:
        adj = _of_degrees(adj, normalization, add_self_loops, transposed, dtype)
    else:
        adj = adj.with_weight(adj.weight if dtype is None else adj.weight.to(dtype))
        if add_self_loops:
            adj = _with_self_loops(adj, transposed)
        adj = rescale(adj, normalization)
    return _remember(edge_index, adj, key) if plain else adj


def _of_degrees(
    adj: CSR,
    normalization: str | None,
    add_self_loops: bool,
    transposed: bool,
    dtype: torch.dtype | None,
) -> CSR:
    """What follows for an operator without weights, in one pass."""
    num_edges = adj.num_entries
    if add_self_loops:
        adj, _ = _with_places_for_loops(adj, transposed)
    weight = degree_weights(
        adj.rowptr,
        adj.col,
        adj.perm,
        num_edges,
        loops="missing" if add_self_loops else "kept",
        normalization=normalization,
        dtype=torch.get_default_dtype() if dtype is None else dtype,
    )
    return adj.with_weight(weight)


def rescale(adj: CSR, normalization: str | None = "sym") -> CSR:
    """Normalise an operator by its degrees, as :func:`normalize` does.

    Args:
        adj: Square operator with values.
        normalization: ``"sym"``, ``"rw"`` or None for the values as they are.
    """
    if normalization is None:
        return adj
    check_square(adj)
    check_weighted(adj)
    if normalization not in NORMALIZATIONS:
        raise unknown("normalization", normalization, NORMALIZATIONS)
    assert adj.weight is not None
    kept, computed = floating(weight=adj.weight)
    weight = _normalized_weight(adj.with_weight(adj.weight.to(computed)), normalization)
    return adj.with_weight(weight.to(kept))


def _normalized_weight(adj: CSR, normalization: str) -> Tensor:
    assert adj.weight is not None
    ones = adj.weight.new_ones(adj.num_cols, 1)
    degree = torch.ops.graphpoly.spmm_sum(
        adj.rowptr, adj.col, adj.weight, ones, *(adj.transposed or (None,) * 3), False
    ).squeeze(-1)
    positive = degree > 0
    safe = torch.where(positive, degree, 1)
    if normalization == "rw":
        return adj.weight * take_rows(torch.where(positive, 1 / safe, 0), adj.rows())
    scale = torch.where(positive, safe.rsqrt(), 0)
    return take_rows(scale, adj.rows()) * adj.weight * take_rows(scale, adj.col)


def _with_self_loops(adj: CSR, transposed: bool) -> CSR:
    """Append a loop to each row; where one stands already the new one weighs nothing.

    So the shape does not depend on the data, and the operator is that of PyG's
    ``add_remaining_self_loops``.
    """
    assert adj.weight is not None
    rows, num_nodes = adj.rows(), adj.num_rows
    has_loop = torch.zeros(num_nodes + 1, dtype=torch.bool, device=rows.device)
    has_loop = has_loop.index_fill(0, torch.where(rows == adj.col, rows, num_nodes).long(), True)
    weight = torch.cat([adj.weight, (~has_loop[:-1]).to(adj.weight.dtype)])
    full, place = _with_places_for_loops(adj, transposed)
    return full.with_weight(weight[place])


def _with_places_for_loops(adj: CSR, transposed: bool) -> tuple[CSR, Tensor]:
    """Append an entry for a loop to each row.

    Returns:
        The structure, whose ``perm`` counts on from the number of entries, and where each of its
        entries stood among those of ``adj`` and the loops behind them.
    """
    rows, num_nodes = adj.rows(), adj.num_rows
    loops = torch.arange(num_nodes, dtype=rows.dtype, device=rows.device)
    full = _compress(
        torch.cat([rows, loops]), torch.cat([adj.col, loops]), num_nodes, num_nodes, transposed
    )
    place = full.perm
    assert place is not None
    if adj.perm is None:
        return full, place
    return full._replace(perm=torch.cat([adj.perm, adj.num_entries + loops])[place]), place
