r"""Attention of every node to every node of its graph, without a score for any pair.

.. math::
    y_{i,h} = \frac{\sum_{j \in G(i)} \langle q_{i,h}, k_{j,h} \rangle\, v_{j,h}}
                   {\sum_{j \in G(i)} \langle q_{i,h}, k_{j,h} \rangle}
            = \frac{q_{i,h}^\top \sum_j k_{j,h} v_{j,h}^\top}{q_{i,h}^\top \sum_j k_{j,h}}

The sum over j is the same for all nodes of a graph, so that the cost is linear. On a batch it is
taken graph by graph as two sparse products: one whose rows are the cells (graph, head, depth) and
whose values are the keys, one whose rows are the (node, head) and whose values are the queries. No
graph is padded to the size of another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable, check_device
from graphpoly.ops.spmm import spmm

__all__ = ["linear_attention"]


def linear_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    batch: Tensor | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Average the values of each graph with weights ``<query, key>``.

    Args:
        query: Non-negative, ``[N, H, D]``.
        key: Non-negative, ``[N, H, D]``.
        value: ``[N, H, F]``.
        batch: Graph of each node, ``[N]`` in any order; None for one graph.
        batch_size: Number of graphs, if known.

    Returns:
        ``[N, H, F]``; 0 where all weights of a node are.

    Raises:
        ValueError: If shapes do not fit.

    Complexity: O(N H D F) time and O(N H (D + F) + B H D F) memory for B graphs.

    Source: Katharopoulos et al., "Transformers are RNNs", ICML 2020.

    >>> import torch
    >>> ones = torch.ones(3, 1, 1)
    >>> value = torch.tensor([1.0, 3.0, 5.0]).view(3, 1, 1)
    >>> linear_attention(ones, ones, value, batch=torch.tensor([0, 0, 1])).flatten().tolist()
    [2.0, 2.0, 5.0]
    """
    if query.dim() != 3 or query.shape != key.shape:
        raise ValueError(
            f"query, key: got shapes {tuple(query.shape)} and {tuple(key.shape)}, expected "
            "[N, H, D] of both"
        )
    if value.dim() != 3 or value.shape[:2] != key.shape[:2]:
        raise ValueError(f"value: got shape {tuple(value.shape)}, expected {(*key.shape[:2], 'F')}")
    _, dtype = floating(value=value)
    floating(query=query, key=key)
    for name, tensor in (("query", query), ("key", key), ("batch", batch)):
        if tensor is not None:
            check_device(name, tensor, value.device)
    query, key = query.to(dtype), key.to(dtype)
    # one more column of ones: its result is the denominator
    wide = torch.cat([value.to(dtype), value.new_ones(*value.shape[:2], 1, dtype=dtype)], -1)
    if batch is None:
        cells = torch.einsum("nhd,nhf->hdf", key, wide)
        out = torch.einsum("nhd,hdf->nhf", query, cells)
    else:
        num_graphs = count_graphs(batch, batch_size, value.size(0))

        def what() -> str:
            return f"batch_size: got {num_graphs} graphs"

        out = affordable(what, _by_graph, query, key, wide, batch, num_graphs)
    total = out[..., -1:]
    alive = total != 0
    weighted = out[..., :-1] / torch.where(alive, total, 1)
    return torch.where(alive, weighted, 0).to(value.dtype)


def _by_graph(query: Tensor, key: Tensor, wide: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
    num_nodes, heads, depth = key.shape
    head = torch.arange(heads, device=batch.device).view(1, -1, 1)
    cell = (batch.view(-1, 1, 1) * heads + head) * depth
    cell = (cell + torch.arange(depth, device=batch.device)).flatten()
    rows, cells = num_nodes * heads, num_graphs * heads * depth
    rowptr = torch.arange(rows + 1, device=batch.device) * depth
    colptr, row, tperm = transpose(rowptr, cell, cells)
    entries = torch.arange(cell.size(0), device=batch.device)
    back = torch.empty_like(tperm).index_copy(0, tperm, entries)
    gather = trusted_csr(colptr, row, key.flatten()[tperm], None, rows, (rowptr, cell, back))
    spread = trusted_csr(rowptr, cell, query.flatten(), None, cells, (colptr, row, tperm))
    out = spmm(spread, spmm(gather, wide.reshape(rows, wide.size(-1))))
    return out.view(num_nodes, heads, wide.size(-1))
