"""A polynomial filter over the nodes of several processes."""

from __future__ import annotations

from torch import Tensor

from graphpoly.distributed.partitioned_graph import PartitionedGraph
from graphpoly.ops import polynomial

__all__ = ["halo_polynomial"]


def halo_polynomial(
    graph: PartitionedGraph, x: Tensor, theta: Tensor, recurrence: Tensor
) -> Tensor:
    r"""Return the own rows of :math:`\sum_k \theta_k\, p_k(A)\, x`.

    It is :func:`graphpoly.ops.polynomial` over parts. Each process has the inner products of its
    own nodes in the gradient of theta; their sum over the processes, which
    :func:`graphpoly.distributed.backward` makes of all gradients, is that of the whole graph.

    Args:
        graph: The operator A.
        x: Features of the own nodes, ``[n, F]``.
        theta: Coefficients, ``[K+1, F]`` or ``[K+1, 1]``, the same in every process.
        recurrence: ``(a, b, c)`` of :math:`k = 1..K`, ``[3, K, F]`` or ``[3, K, 1]``; fixed.

    Returns:
        ``[n, F]``. The gradient in theta is the part of the own nodes.

    Raises:
        ValueError: If a shape does not fit, or the recurrence asks for a gradient.

    Complexity: K products of :func:`halo_spmm` and as many backwards, O(n F) memory whatever K is.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2))
    >>> powers = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(-1)  # a=1, b=c=0
    >>> theta = torch.tensor([[0.0], [0.0], [1.0]])
    >>> halo_polynomial(graph, torch.tensor([[1.0], [3.0]]), theta, powers).flatten().tolist()
    [1.0, 3.0]
    """
    return polynomial(graph, x, theta, recurrence)
