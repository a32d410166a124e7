r"""How much the features of one node change the row of another: over-squashing, in a model.

For m layers :math:`h^{(k+1)} = \sigma((c_r I + c_a \hat A) h^{(k)} W_k)`, with w the largest entry
of the weights, p their width and :math:`c_\sigma` the Lipschitz constant of :math:`\sigma`,

.. math::
    \Bigl\| \frac{\partial h_v^{(m)}}{\partial h_u^{(0)}} \Bigr\|_1 \le
    (c_\sigma\, w\, p)^m\, (S^m)_{vu}, \qquad S = c_r I + c_a \hat A

in the norm that the 1-norm induces (the largest sum of a column). Di Giovanni, Giusti, Barbero,
Luise, Liò and Bronstein, "On Over-Squashing in Message Passing Neural Networks: The Impact of
Width, Depth, and Topology", ICML 2023, arXiv:2302.02941.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops import to_edges
from graphpoly.ops.entry import check_index

__all__ = ["jacobian", "jacobian_obstruction", "sensitivity", "sensitivity_bound"]

NORMS = ("1", "2", "inf", "fro")


def jacobian(f: Callable[[Tensor], Tensor], x: Tensor, target: int) -> Tensor:
    r"""Return :math:`\partial f(x)_v / \partial x`, ``[C, N, F]``.

    Args:
        f: From features ``[N, F]`` to rows ``[N, C]``.
        x: ``[N, F]``.
        target: v.

    Complexity: C backward passes.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        row = f(x)[target].reshape(-1)
        parts = []
        for channel in row:
            grad = None
            if channel.requires_grad:
                (grad,) = torch.autograd.grad(channel, x, retain_graph=True, allow_unused=True)
            parts.append(torch.zeros_like(x) if grad is None else grad)
    return torch.stack(parts)


def sensitivity(
    f: Callable[[Tensor], Tensor], x: Tensor, target: int, *, norm: str = "1"
) -> Tensor:
    """Return the norm of the Jacobian of one node's row by the features of each node, ``[N]``.

    Args:
        f: From features ``[N, F]`` to rows ``[N, C]``; a model with its graph.
        x: Where, ``[N, F]``.
        target: The node whose row it is.
        norm: ``"1"`` and ``"inf"``: largest sum of absolute values of a column, or row, of the
            ``[C, F]`` matrix; ``"2"``: largest singular value; ``"fro"``.

    Complexity: as many backward passes as the row is wide.

    >>> chain = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> sensitivity(lambda x: chain @ x, torch.ones(2, 3), 0).tolist()
    [0.0, 1.0]
    """
    if norm not in NORMS:
        raise unknown("norm", norm, NORMS)
    order: Any = {"1": 1, "2": 2, "inf": float("inf"), "fro": "fro"}[norm]
    return torch.linalg.matrix_norm(jacobian(f, x, target).transpose(0, 1), order)


def sensitivity_bound(
    edge_index: Any,
    num_nodes: int,
    layers: int,
    target: int,
    *,
    weight: float = 1.0,
    width: int = 1,
    lipschitz: float = 1.0,
    residual: float = 0.0,
    aggregation: float = 1.0,
) -> Tensor:
    r"""Return the bound :math:`(c_\sigma w p)^m (S^m)_{vu}` for each u, float64 ``[N]``.

    Args:
        edge_index: The graph, in any form that :func:`graphpoly.ops.to_csr` takes; its values are
            :math:`A`, and :math:`\hat A = D^{-1/2} A D^{-1/2}` as it is given, without further
            loops, D by the edges that come in.
        num_nodes: N.
        layers: m.
        target: v.
        weight: w.
        width: p.
        lipschitz: :math:`c_\sigma`.
        residual: :math:`c_r`.
        aggregation: :math:`c_a`.

    Complexity: m sparse products.
    """
    if layers < 0:
        raise ValueError(f"layers: got {layers}, expected at least 0")
    pairs, value = to_edges(edge_index, None, size=(num_nodes, num_nodes))
    check_index("edge_index", pairs.flatten(), num_nodes)
    value = torch.ones_like(pairs[0]).double() if value is None else value.double()
    if bool((value < 0).any()):
        raise ValueError("edge_index: got a weight below 0, of which there is no bound")
    degree = value.new_zeros(num_nodes).index_add(0, pairs[1], value)
    root = torch.where(degree > 0, degree, torch.inf).rsqrt()
    value = value * root[pairs[0]] * root[pairs[1]]
    row = value.new_zeros(num_nodes)
    row[target] = 1
    for _ in range(layers):  # from v back along the edges
        heard = torch.zeros_like(row).index_add(0, pairs[0], value * row[pairs[1]])
        row = residual * row + aggregation * heard
    return (lipschitz * weight * width) ** layers * row


def jacobian_obstruction(
    layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor, v: int, u: int, degree: Tensor
) -> Tensor:
    r"""Return the symmetric Jacobian obstruction of a pair of nodes, a scalar.

    .. math::
        \sum_{k < m} \Bigl\| \frac{1}{d_v} \frac{\partial h_v}{\partial h_v^{(k)}}
        - \frac{1}{\sqrt{d_v d_u}} \frac{\partial h_v}{\partial h_u^{(k)}}
        + \frac{1}{d_u} \frac{\partial h_u}{\partial h_u^{(k)}}
        - \frac{1}{\sqrt{d_u d_v}} \frac{\partial h_u}{\partial h_v^{(k)}} \Bigr\|_2

    where :math:`h = h^{(m)}`. In the mean over ReLU networks it grows with the effective resistance
    of the pair.

    Args:
        layers: Each from rows to rows of the next layer.
        x: :math:`h^{(0)}`, ``[N, F]``.
        v: One node.
        u: The other.
        degree: ``[N]``.

    Complexity: 2 m times as many backward passes as the last row is wide.
    """
    states = [x.detach()]
    for layer in layers:
        states.append(layer(states[-1]).detach())

    def rest(k: int) -> Callable[[Tensor], Tensor]:
        def run(h: Tensor) -> Tensor:
            for layer in layers[k:]:
                h = layer(h)
            return h

        return run

    d_v, d_u = degree[v].to(x.dtype), degree[u].to(x.dtype)
    total = x.new_zeros(())
    for k in range(len(layers)):
        of_v, of_u = (jacobian(rest(k), states[k], node) for node in (v, u))
        own = of_v[:, v] / d_v + of_u[:, u] / d_u
        across = (of_v[:, u] + of_u[:, v]) / (d_v * d_u).sqrt()
        total = total + torch.linalg.matrix_norm(own - across, 2)
    return total
