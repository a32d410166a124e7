"""A sparse product over the nodes of several processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.distributed.partitioned_graph import PartitionedGraph

__all__ = ["halo_spmm", "halo_spmm_transposed"]


def halo_spmm(graph: PartitionedGraph, x: Tensor) -> Tensor:
    r"""Return the own rows of :math:`A\, x`.

    Args:
        graph: The operator.
        x: Features of the own nodes, ``[n, F]``.

    Returns:
        ``[n, F]``. The gradient is the product with the transpose, which returns to each process
        what the halos of the others have gathered for its nodes; it has gradients of its own.

    Raises:
        ValueError: If ``x`` is not ``[n, F]``.

    Complexity: The own share of O(E F) time, O((n + h) F) memory; one message to each process that
    reads own nodes, :meth:`PartitionedGraph.bytes_sent` together, and as many backwards. All
    processes have to call it.

    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2))
    >>> halo_spmm(graph, torch.tensor([[1.0], [3.0]])).flatten().tolist()
    [3.0, 1.0]
    """
    out: Tensor = _Product.apply(_checked(graph, x), graph)
    return out


def halo_spmm_transposed(graph: PartitionedGraph, x: Tensor) -> Tensor:
    r"""Return the own rows of :math:`A^\top x`; arguments as for :func:`halo_spmm`.

    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0], [1]]), num_nodes=2))
    >>> halo_spmm_transposed(graph, torch.tensor([[1.0], [3.0]])).flatten().tolist()
    [3.0, 0.0]
    """
    out: Tensor = _Transposed.apply(_checked(graph, x), graph)
    return out


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, graph: PartitionedGraph) -> Tensor:
        ctx.graph = graph
        return graph.product(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return halo_spmm_transposed(ctx.graph, grad), None


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, graph: PartitionedGraph) -> Tensor:
        ctx.graph = graph
        return graph.transposed_product(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return halo_spmm(ctx.graph, grad), None


def _checked(graph: PartitionedGraph, x: Tensor) -> Tensor:
    if x.dim() != 2 or x.size(0) != graph.nodes.numel():
        raise ValueError(
            f"x: got shape {tuple(x.shape)}, this process has {graph.nodes.numel()} nodes: "
            "expected (n, F)"
        )
    return x
