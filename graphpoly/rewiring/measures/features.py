r"""How alike the features of nodes are: Dirichlet energy and mean average distance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops import to_edges
from graphpoly.ops.entry import check_index
from graphpoly.ops.take_rows import take_rows

__all__ = ["dirichlet_energy", "mean_average_distance"]


def dirichlet_energy(
    x: Tensor, edge_index: Any, edge_weight: Tensor | None = None, *, normalize: bool = True
) -> Tensor:
    r"""Return the Dirichlet energy of features, a scalar.

    .. math::
        \tfrac{1}{2} \sum_{(u, v)} w_{uv} \Bigl\| \tfrac{x_u}{\sqrt{1 + d_u}}
        - \tfrac{x_v}{\sqrt{1 + d_v}} \Bigr\|^2

    over the entries, so that each edge of an undirected graph counts once.

    Args:
        x: ``[N]`` or ``[N, F]``.
        edge_index: The graph, in any form that :func:`graphpoly.ops.to_csr` takes.
        edge_weight: ``[E]``.
        normalize: Divide by the degrees (the sums of the weights that come in, and one); otherwise
            :math:`\mathrm{tr}(X^\top L X)`.

    Raises:
        ValueError: If an edge leads to no node, or a degree to divide by is not positive.

    Complexity: O(E F). Differentiable.

    Cai and Wang, "A note on over-smoothing for graph neural networks", 2020, arXiv:2006.13318.

    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> dirichlet_energy(torch.tensor([0.0, 1.0, 3.0]), path, normalize=False).item()
    5.0
    """
    size, x = x.size(0), _real(x)
    pairs, weight = to_edges(edge_index, edge_weight, size=(size, size))
    check_index("edge_index", pairs.flatten(), size)
    weight = x.new_ones(pairs.size(1)) if weight is None else weight.to(x.dtype)
    x = x.reshape(size, -1)
    if normalize:
        degree = x.new_ones(size).index_add(0, pairs[1], weight)
        if bool((degree <= 0).any()):
            raise ValueError(
                f"edge_weight: got a degree of {float(degree.min()):g} with the loop, expected "
                "positive ones with normalize=True"
            )
        x = x / degree.sqrt().unsqueeze(1)
    apart = take_rows(x, pairs[0]) - take_rows(x, pairs[1])
    return 0.5 * (weight.unsqueeze(1) * apart.square()).sum()


def mean_average_distance(x: Tensor, edge_index: Any = None) -> Tensor:
    r"""Return the mean average distance of features, a scalar in [0, 2].

    The cosine distance :math:`1 - \cos(x_u, x_v)`, averaged over the other nodes v, or over the
    neighbours where a graph is given, then over the nodes u that have any.

    Args:
        x: ``[N, F]``. The distance from a row of zeros is 1.
        edge_index: The graph, in any form that :func:`graphpoly.ops.to_csr` takes; loops are left
            out.

    Complexity: O(N F), or O(E F). Differentiable.

    Chen, Lin, Li, Li, Zhou and Sun, "Measuring and Relieving the Over-smoothing Problem for Graph
    Neural Networks from the Topological View", AAAI 2020. There pairs at distance 0 are left out of
    the averages, which then jump where two rows become equal.

    >>> round(mean_average_distance(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).item(), 6)
    0.666667
    """
    size, x = x.size(0), _real(x)
    norm = x.norm(dim=1, keepdim=True)
    unit = x / torch.where(norm > 0, norm, 1)
    if edge_index is None:
        if size < 2:
            return x.new_zeros(())
        near = (unit.sum(0) * unit).sum(1) - unit.square().sum(1)
        return (1 - near / (size - 1)).mean()
    pairs, _ = to_edges(edge_index, None, size=(size, size))
    check_index("edge_index", pairs.flatten(), size)
    pairs = pairs[:, pairs[0] != pairs[1]]
    distance = 1 - (take_rows(unit, pairs[0]) * take_rows(unit, pairs[1])).sum(1)
    total = x.new_zeros(size).index_add(0, pairs[1], distance)
    count = x.new_zeros(size).index_add(0, pairs[1], torch.ones_like(distance))
    return (total / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


def _real(x: Tensor) -> Tensor:
    """Whole numbers as floating-point ones, which weights and roots are."""
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())
