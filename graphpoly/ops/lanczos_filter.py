r"""A weighted sum of the orthonormal vectors of :func:`graphpoly.ops.lanczos`, in one operator.

.. math:: z = \sum_{k=0}^{K} \theta_k\, v_k

Nothing that has the size of the basis comes back to it, and on an operator that is its own
transpose the gradient is cheaper than the vectors. There the product of a vector is made of its
neighbours,

.. math:: A v_k = h_{k-1,k} v_{k-1} + h_{k,k} v_k + h_{k,k+1} v_{k+1},

so that all gradients on the way are a part beside the basis, whose recurrence is one product for
each step, and a part within it, which is (K+1)^2 numbers for each channel. Derived in
``csrc/lanczos_filter.cpp``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable
from graphpoly.ops.lanczos import lanczos_backward_reference, lanczos_reference
from graphpoly.ops.library import differentiated, direct, implement

__all__ = ["lanczos_filter", "lanczos_filter_reference"]


def lanczos_filter(
    adj: CSR,
    x: Tensor,
    theta: Tensor,
    *,
    batch: Tensor | None = None,
    batch_size: int | None = None,
    rounding: float | None = None,
) -> Tensor:
    r"""Return :math:`\sum_k \theta_k v_k`, with the Krylov basis v of every channel.

    Args:
        adj: Square operator A with N rows.
        x: ``[N, F]``; half precisions are computed in float32.
        theta: Coefficients, ``[K+1, F]``, or ``[K+1, 1]`` to share them between channels.
        batch: Graph of each node, ``[N]``, as for :func:`lanczos`.
        batch_size: Number of graphs.
        rounding: Relative accuracy of ``x``, as for :func:`lanczos`.

    Returns:
        ``[N, F]``, in the dtype of x and theta together.

    Raises:
        TypeError: If ``x`` or ``theta`` is not floating-point, or ``batch`` no integers.
        ValueError: If shapes do not fit, a graph lies outside ``batch_size``, or there is no
            memory for the basis.

    Complexity: that of :func:`lanczos`. The gradient takes K products, O(K N F) and, on each graph,
    O(K^3 F) if A is symmetric; else as much as the basis.

    >>> import torch
    >>> from graphpoly.ops import lanczos_filter, to_csr
    >>> path = to_csr(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> x, theta = torch.tensor([[1.0], [0.0], [0.0]]), torch.tensor([[2.0], [3.0], [4.0]])
    >>> lanczos_filter(path, x, theta).flatten().tolist()
    [2.0, 3.0, 4.0]
    """
    num_nodes = adj.num_rows
    if adj.num_cols != num_nodes:
        raise ValueError(f"adj: got {num_nodes} x {adj.num_cols}, a square operator is needed")
    if x.dim() != 2 or x.size(0) != num_nodes:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [{num_nodes}, F]")
    channels = x.size(1)
    if theta.dim() != 2 or theta.size(0) == 0 or theta.size(1) not in (1, channels):
        raise ValueError(f"theta: got shape {tuple(theta.shape)}, expected [K+1, {channels} or 1]")
    kept, dtype = floating(adj, x=x, theta=theta)
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    z: Tensor = affordable(
        lambda: f"x, theta: got {tuple(x.shape)} and {tuple(theta.shape)}",
        torch.ops.graphpoly.lanczos_filter,
        adj.rowptr,
        adj.col,
        None if adj.weight is None else adj.weight.to(dtype),
        x.to(dtype),
        theta.to(dtype).expand(-1, channels),
        None if batch is None else batch.long(),
        num_graphs,
        torch.finfo(kept).eps if rounding is None else rounding,
        *(adj.transposed or (None, None, None)),
    )[0]
    return z.to(kept)


def _combine(theta: Tensor, basis: Tensor) -> Tensor:
    return (theta.unsqueeze(1) * basis).sum(0)


def lanczos_filter_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    graph: Tensor | None,
    num_graphs: int,
    rounding: float,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition, in plain PyTorch."""
    basis, hessenberg = lanczos_reference(
        *(rowptr, col, weight, x, theta.size(0) - 1, graph, num_graphs, rounding),
        *(colptr, row, tperm),
    )
    return _combine(theta, basis), basis, hessenberg


def _composed(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    *given: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same of operators with gradients of any order."""
    order = theta.size(0) - 1
    basis, hessenberg = direct.lanczos(rowptr, col, weight, x, order, *given)
    return _combine(theta, basis), basis, hessenberg


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    graph: Tensor | None,
    num_graphs: int,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    torch._check(x.dim() == 2 and theta.dim() == 2)
    count = theta.size(0)
    hessenberg = x.new_empty(count - 1, count, num_graphs, x.size(1))
    return x.new_empty(x.shape), x.new_empty(count, *x.shape), hessenberg


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    rowptr, col, weight, x, theta, graph, ctx.num_graphs, ctx.rounding, *turn = inputs
    ctx.save_for_backward(rowptr, col, weight, x, theta, graph, *turn, *output[1:])
    ctx.set_materialize_grads(False)


def _backward(
    ctx: Any, grad: Tensor | None, of_basis: Tensor | None, of_hessenberg: Tensor | None
) -> tuple[Any, ...]:
    *given, graph, colptr, row, tperm, basis, hessenberg = ctx.saved_tensors
    turn, wanted = (colptr, row, tperm), [i for i in (2, 3, 4) if ctx.needs_input_grad[i]]
    gradients: list[Tensor | None] = [None] * 11
    of_vectors = of_basis is not None or of_hessenberg is not None
    if torch.is_grad_enabled() or 2 in wanted or of_vectors or grad is None:
        outer = [
            torch.zeros_like(result) if back is None else back
            for back, result in ((grad, given[3]), (of_basis, basis), (of_hessenberg, hessenberg))
        ]
        inputs = (*given, graph, ctx.num_graphs, ctx.rounding, *turn)
        return tuple(differentiated(_composed, inputs, wanted, outer))
    gradients[3:5] = direct.lanczos_filter_backward(
        *given, graph, ctx.num_graphs, basis, hessenberg, grad, *turn
    )
    return tuple(gradients)


def lanczos_filter_backward_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    graph: Tensor | None,
    num_graphs: int,
    basis: Tensor,
    hessenberg: Tensor,
    grad: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The gradients in x and theta of those in z, through that of the basis."""
    grad_x, _ = lanczos_backward_reference(
        *(rowptr, col, weight, basis, hessenberg, x, graph, num_graphs),
        *(theta.unsqueeze(1) * grad, torch.zeros_like(hessenberg), colptr, row, tperm),
    )
    return grad_x, (basis * grad).sum(1)


def _backward_fake(
    rowptr: Tensor, col: Tensor, weight: Tensor | None, x: Tensor, theta: Tensor, *_: Any
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(theta.shape)


implement(
    "lanczos_filter",
    reference=lanczos_filter_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)
implement(
    "lanczos_filter_backward", reference=lanczos_filter_backward_reference, fake=_backward_fake
)
