"""A sparse product over the nodes of several processes."""

from __future__ import annotations

from torch import Tensor

from graphpoly.distributed.partitioned_graph import PartitionedGraph
from graphpoly.ops.linear_operator import operator_product

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

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2))
    >>> halo_spmm(graph, torch.tensor([[1.0], [3.0]])).flatten().tolist()
    [3.0, 1.0]
    """
    return operator_product(graph, _checked(graph, x))


def halo_spmm_transposed(graph: PartitionedGraph, x: Tensor) -> Tensor:
    r"""Return the own rows of :math:`A^\top x`; arguments as for :func:`halo_spmm`.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0], [1]]), num_nodes=2))
    >>> halo_spmm_transposed(graph, torch.tensor([[1.0], [3.0]])).flatten().tolist()
    [3.0, 0.0]
    """
    return operator_product(graph, _checked(graph, x), transposed=True)


def _checked(graph: PartitionedGraph, x: Tensor) -> Tensor:
    if x.dim() != 2 or x.size(0) != graph.nodes.numel():
        raise ValueError(
            f"x: got shape {tuple(x.shape)}, this process has {graph.nodes.numel()} nodes: "
            "expected (n, F)"
        )
    return x
