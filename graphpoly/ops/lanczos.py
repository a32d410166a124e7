r"""The orthonormal basis that a signal and an operator make between them.

For each channel x the Gram-Schmidt basis of the Krylov space
:math:`\mathrm{span}\{x, A x, \dots, A^K x\}`. On a symmetric operator this is Lanczos' process, and
:math:`v_k = p_k(A)\, v_0` with polynomials orthonormal under the channel's own spectral measure.

Each new vector is orthogonalised against *all* earlier ones, *twice*. The two-term process that
the mathematics allows loses orthogonality in float32 long before K = 20; with two full passes it
stays at rounding level for any K. A Krylov space that is exhausted (star graphs, constant
features, no edges) is recognised, and the remaining vectors are zero.

The gradient is that of Gram-Schmidt in exact arithmetic, run backwards over the stored basis. With
:math:`u_k = A v_k`, :math:`h_{kj} = \langle v_j, u_k \rangle` and
:math:`w_k = u_k - \sum_{j \le k} h_{kj} v_j = h_{k,k+1} v_{k+1}`:

.. math::
    \bar w_k &= \big(\bar v_{k+1} - \langle v_{k+1}, \bar v_{k+1} \rangle v_{k+1}\big) / h_{k,k+1}
    + \bar h_{k,k+1} v_{k+1} \\
    \tilde h_{kj} &= \bar h_{kj} - \langle \bar w_k, v_j \rangle, \qquad
    \bar u_k = \bar w_k + \sum_{j \le k} \tilde h_{kj} v_j \\
    \bar v_j &\mathrel{+}= \tilde h_{kj} u_k - h_{kj} \bar w_k, \qquad
    \bar v_k \mathrel{+}= A^\top \bar u_k, \qquad
    \bar A_e \mathrel{+}= \langle \bar u_k, v_k \rangle_e
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable, as_size
from graphpoly.ops.library import direct, implement

__all__ = ["lanczos", "lanczos_backward_reference", "lanczos_reference"]

_HIGHEST = 2**24  # power: beyond it, sizes would not fit an int64


def lanczos(
    adj: CSR,
    x: Tensor,
    K: int,
    *,
    batch: Tensor | None = None,
    batch_size: int | None = None,
    rounding: float | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Return the orthonormal Krylov basis of every channel and the projected operator.

    Args:
        adj: Square operator A with N rows; need not be symmetric (then it is Arnoldi's process).
        x: ``[N, F]``; half precisions are computed in float32.
        K: Highest power, so that K+1 vectors come out.
        batch: Graph of each node, ``[N]``: norms and inner products are then taken graph by graph,
            and each graph gets the basis that it would get alone.
        batch_size: Number of graphs; read from ``batch`` where it is not given, and under
            ``torch.compile``, where that cannot be, N serves as a bound.
        rounding: Relative accuracy of ``x``, below which a new direction is noise; default that of
            its dtype. For float32 data computed in float64 it is that of float32.

    Returns:
        ``basis [K+1, N, F]`` and ``hessenberg [K, K+1, B, F]`` with B = 1 without ``batch``:
        :math:`A v_k = \sum_{j \le k+1} h_{k,j} v_j`. Vectors past a breakdown are zero.

    Raises:
        TypeError: If ``x`` is not floating-point, or K or ``batch`` no integers.
        ValueError: If shapes do not fit, K is negative, a graph lies outside ``batch_size``, or
            there is no memory for the basis.

    Complexity: K products and O(K^2 N F) for the orthogonality; O(K N F) memory.

    >>> import torch
    >>> from graphpoly.ops import lanczos, to_csr
    >>> path = to_csr(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> basis, _ = lanczos(path, torch.tensor([[1.0], [0.0], [0.0]]), K=2)
    >>> basis[..., 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    num_nodes = adj.num_rows
    if adj.num_cols != num_nodes:
        raise ValueError(f"adj: got {num_nodes} x {adj.num_cols}, a square operator is needed")
    if x.dim() != 2 or x.size(0) != num_nodes:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [{num_nodes}, F]")
    kept, dtype = floating(adj, x=x)
    K = as_size("K", K, most=_HIGHEST)
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    basis, hessenberg = affordable(
        lambda: f"x, K: got {tuple(x.shape)} and {K}",
        torch.ops.graphpoly.lanczos,
        adj.rowptr,
        adj.col,
        None if adj.weight is None else adj.weight.to(dtype),
        x.to(dtype),
        K,
        None if batch is None else batch.long(),
        num_graphs,
        torch.finfo(kept).eps if rounding is None else rounding,
        *(adj.transposed or (None, None, None)),
    )
    return basis.to(kept), hessenberg.to(kept)


class _Graphs:
    """Sums over the nodes of each graph, and their way back to the nodes.

    ``ordered``: add in the order of the nodes, as a product does; by default on CUDA, where
    ``index_add`` adds with atomics.
    """

    def __init__(
        self, graph: Tensor | None, num_graphs: int, *, ordered: bool | None = None
    ) -> None:
        self.graph, self.num_graphs = graph, num_graphs
        self.rows: tuple[Tensor, Tensor] | None = None
        if graph is not None and (graph.is_cuda if ordered is None else ordered):
            node = torch.arange(graph.size(0), dtype=graph.dtype, device=graph.device)
            rowptr, node, _ = direct.coo_to_csr(graph, node, num_graphs, graph.size(0))
            self.rows = (rowptr, node)

    def sum(self, values: Tensor) -> Tensor:
        """``[..., N, F]`` to ``[..., B, F]``."""
        if self.graph is None:
            return values.sum(-2, keepdim=True)
        if self.rows is not None:
            flat = values.movedim(-2, 0)
            none = (None, None, None)
            total = direct.spmm_sum(*self.rows, None, flat.reshape(flat.size(0), -1), *none, False)
            return total.reshape(self.num_graphs, *flat.shape[1:]).movedim(0, -2)
        shape = (*values.shape[:-2], self.num_graphs, values.size(-1))
        return values.new_zeros(shape).index_add(-2, self.graph, values)

    def spread(self, values: Tensor) -> Tensor:
        """``[..., B, F]`` to ``[..., N, F]``, or to what broadcasts."""
        return values if self.graph is None else values.index_select(-2, self.graph)

    def normalize(self, vector: Tensor, floor: Tensor | float) -> tuple[Tensor, Tensor]:
        """Divide by the norm; below the floor, and at it, both come out as zeros."""
        square = self.sum(vector * vector)
        alive = square > floor * floor
        norm = torch.where(alive, square, 1).sqrt()
        inverse = torch.where(alive, 1 / norm, 0)
        return vector * self.spread(inverse), torch.where(alive, norm, 0)


def lanczos_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    K: int,
    graph: Tensor | None,
    num_graphs: int,
    rounding: float,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The definition, in plain PyTorch."""
    graphs = _Graphs(graph, num_graphs)
    vector, _ = graphs.normalize(x, 0.0)
    basis, columns = vector.unsqueeze(0), []
    scale = graphs.sum(torch.zeros_like(x))  # the largest |A v| so far: rounding is relative to it
    least = scale + float("inf")  # the smallest norm so far
    for k in range(K):
        vector = direct.spmm_sum(rowptr, col, weight, vector, colptr, row, tperm, False)
        scale = torch.maximum(scale, graphs.sum(vector.detach() ** 2).sqrt())
        column = x.new_zeros(k + 1, num_graphs, x.size(1))
        for _ in range(2):
            overlap = graphs.sum(basis * vector)
            vector = vector - (basis * graphs.spread(overlap)).sum(0)
            column = column + overlap
        # dividing by a small norm makes all later vectors that much less exact
        doubt = (scale / torch.where(least > 0, least, 1)).clamp(min=1)
        vector, norm = graphs.normalize(vector, 20 * rounding * scale * doubt)
        least = torch.minimum(least, norm.detach())
        rest = x.new_zeros(K - k - 1, num_graphs, x.size(1))
        columns.append(torch.cat([column, norm.unsqueeze(0), rest]))
        basis = torch.cat([basis, vector.unsqueeze(0)])
    hessenberg = torch.stack(columns) if columns else x.new_zeros(0, 1, num_graphs, x.size(1))
    return basis, hessenberg


def lanczos_backward_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    basis: Tensor,
    hessenberg: Tensor,
    x: Tensor,
    graph: Tensor | None,
    num_graphs: int,
    grad_basis: Tensor,
    grad_hessenberg: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The gradient in x, and :math:`\bar u_k` ``[K, N, F]`` for that of the operator.

    All operations are differentiable: run under autograd it gives the second derivative.
    """
    graphs = _Graphs(graph, num_graphs)
    if colptr is None or row is None or tperm is None:
        colptr, row, tperm = transpose(rowptr, col, x.size(0))
    turned = None if weight is None else weight.index_select(0, tperm)
    order = hessenberg.size(0)
    grads, adjoints = list(grad_basis.unbind(0)), []
    for k in reversed(range(order)):
        h, grad_h = hessenberg[k, : k + 2], grad_hessenberg[k, : k + 2]
        alive = h[k + 1] > 0
        inverse = torch.where(alive, 1 / torch.where(alive, h[k + 1], 1), 0)
        along = graphs.sum(basis[k + 1] * grads[k + 1])
        grad_w = graphs.spread(inverse) * grads[k + 1]
        grad_w = grad_w + graphs.spread(grad_h[k + 1] - inverse * along) * basis[k + 1]
        past = basis[: k + 1]
        pull = graphs.spread(grad_h[: k + 1] - graphs.sum(past * grad_w))
        adjoint = grad_w + (pull * past).sum(0)
        product = (graphs.spread(h) * basis[: k + 2]).sum(0)  # A v_k
        update = pull * product - graphs.spread(h[: k + 1]) * grad_w
        grads[: k + 1] = [grads[j] + update[j] for j in range(k + 1)]
        grads[k] = grads[k] + direct.spmm_sum(colptr, row, turned, adjoint, None, None, None, False)
        adjoints.append(adjoint)
    square = graphs.sum(x * x)
    inverse = torch.where(square > 0, torch.where(square > 0, square, 1).rsqrt(), 0)
    along = graphs.sum(basis[0] * grads[0])
    grad_x = graphs.spread(inverse) * (grads[0] - graphs.spread(along) * basis[0])
    stacked = torch.stack(adjoints[::-1]) if adjoints else x.new_zeros(0, *x.shape)
    return grad_x, stacked


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    K: int,
    graph: Tensor | None,
    num_graphs: int,
    rounding: float,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> tuple[Tensor, Tensor]:
    torch._check(x.dim() == 2)
    return x.new_empty(K + 1, *x.shape), x.new_empty(K, K + 1, num_graphs, x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    rowptr, col, weight, x, _, graph, ctx.num_graphs, _, *turn = inputs
    ctx.save_for_backward(rowptr, col, weight, x, graph, *turn, *output)


def _backward(ctx: Any, grad_basis: Tensor, grad_hessenberg: Tensor) -> tuple[Any, ...]:
    rowptr, col, weight, x, graph, *turn, basis, hessenberg = ctx.saved_tensors
    # a second derivative goes through the operations of the reference
    run = (
        lanczos_backward_reference
        if torch.is_grad_enabled()
        else torch.ops.graphpoly.lanczos_backward
    )
    grad_x, adjoint = run(
        rowptr, col, weight, basis, hessenberg, x, graph, ctx.num_graphs, grad_basis,
        grad_hessenberg, *turn,
    )  # fmt: skip
    grad_weight = None
    if weight is not None and ctx.needs_input_grad[2]:
        grad_weight = torch.zeros_like(weight)
        for k in range(adjoint.size(0)):
            grad_weight = grad_weight + direct.sddmm(rowptr, col, adjoint[k], basis[k], *turn)
    return None, None, grad_weight, grad_x, *(None,) * 7


def _backward_fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    basis: Tensor,
    hessenberg: Tensor,
    x: Tensor,
    graph: Tensor | None,
    num_graphs: int,
    grad_basis: Tensor,
    grad_hessenberg: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(hessenberg.size(0), *x.shape)


implement(
    "lanczos", reference=lanczos_reference, fake=_fake, setup_context=_setup, backward=_backward
)
implement("lanczos_backward", reference=lanczos_backward_reference, fake=_backward_fake)
