r"""A polynomial filter over the nodes of several processes.

The recurrence is that of :func:`graphpoly.ops.polynomial`, and so is its gradient: one run over the
transpose gives

.. math::
    \nabla_x = \sum_k \theta_k\, p_k(A^\top)\, g, \qquad
    \nabla_{\theta_k} = \langle p_k(A^\top)\, g,\; x \rangle ,

so that no basis is stored. Each process has the inner products of its own nodes; their sum over the
processes, which :func:`graphpoly.distributed.backward` makes of all gradients, is that of the whole
graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.distributed.halo_spmm import halo_spmm, halo_spmm_transposed
from graphpoly.distributed.partitioned_graph import PartitionedGraph

__all__ = ["halo_polynomial"]

Product = Callable[[PartitionedGraph, Tensor], Tensor]


def halo_polynomial(
    graph: PartitionedGraph, x: Tensor, theta: Tensor, recurrence: Tensor
) -> Tensor:
    r"""Return the own rows of :math:`\sum_k \theta_k\, p_k(A)\, x`.

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

    >>> from graphpoly.ops import to_csr
    >>> graph = PartitionedGraph(to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2))
    >>> powers = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(-1)  # a=1, b=c=0
    >>> theta = torch.tensor([[0.0], [0.0], [1.0]])
    >>> halo_polynomial(graph, torch.tensor([[1.0], [3.0]]), theta, powers).flatten().tolist()
    [1.0, 3.0]
    """
    order = theta.size(0) - 1 if theta.dim() == 2 else -1
    if order < 0 or recurrence.shape[:2] != (3, order) or recurrence.dim() != 3:
        raise ValueError(
            f"theta, recurrence: got {tuple(theta.shape)} and {tuple(recurrence.shape)}, "
            "expected (K + 1, F) and (3, K, F), F or 1"
        )
    for name, given in (("theta", theta), ("recurrence", recurrence)):
        if x.dim() != 2 or given.size(-1) not in (1, x.size(1)):
            raise ValueError(f"{name}: got {tuple(given.shape)} for x of {tuple(x.shape)}")
    if recurrence.requires_grad:
        raise ValueError("recurrence: it is not learned over several processes; detach it")
    out: Tensor = _Polynomial.apply(x, theta, recurrence, graph)
    return out


class _Polynomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, theta: Tensor, recurrence: Tensor, graph: PartitionedGraph
    ) -> Tensor:
        ctx.graph = graph
        ctx.save_for_backward(x, theta, recurrence)
        return _run(halo_spmm, graph, x, theta, recurrence)[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, theta, recurrence = ctx.saved_tensors
        grad_x, moments = _run(halo_spmm_transposed, ctx.graph, grad, theta, recurrence, x)
        if theta.size(1) == 1:
            moments = moments.sum(1, keepdim=True)
        return grad_x, moments.to(theta.dtype), None, None


def _run(
    product: Product,
    graph: PartitionedGraph,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the polynomial, and the inner products ``[K+1, F]`` of its basis with ``y``."""
    a, b, c = recurrence
    before, now = torch.zeros_like(x), x
    out, moments = theta[0] * x, [_inner(y, x)]
    for k in range(1, theta.size(0)):
        following = (product(graph, now) - b[k - 1] * now - c[k - 1] * before) / a[k - 1]
        before, now = now, following
        out = out + theta[k] * now
        moments.append(_inner(y, now))
    return out, torch.stack(moments)


def _inner(y: Tensor | None, p: Tensor) -> Tensor:
    return p.new_zeros(p.size(1)) if y is None else (y * p).sum(0)
