"""Cycles: pairs of graphs that no message passing of the usual kind can tell apart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu

__all__ = ["cycle_pairs"]


@on_cpu()
def cycle_pairs(sizes: tuple[int, ...] = (6, 7, 8, 9, 10, 11, 12, 13)) -> list[Data]:
    r"""Return, for each n, the cycle :math:`C_n` and the pair of cycles :math:`C_3 \cup C_{n-3}`.

    All nodes have degree 2 and the same feature, so that colour refinement gives every node of
    both graphs the same colour.

    Args:
        sizes: Numbers of nodes n, each at least 6.

    Returns:
        Two graphs for each n, with ``x`` [n, 1] of ones, ``edge_index`` (both directions) and
        ``y`` [1]: 0 for one cycle, 1 for two.

    Raises:
        ValueError: If a size is less than 6.

    References:
        Finkelshtein, Huang, Bronstein, Ceylan, Cooperative Graph Neural Networks, ICML 2024,
        arXiv:2310.01267.

    Example:
        >>> one, two = cycle_pairs((6,))
        >>> one.num_edges, two.num_edges, int(one.y), int(two.y)
        (12, 12, 0, 1)
    """
    graphs = []
    for size in sizes:
        if size < 6:
            raise ValueError(f"sizes: got {size}, expected at least 6, for two cycles")
        pairs = [_cycle(size), torch.cat([_cycle(3), _cycle(size - 3) + 3], dim=1)]
        for label, edge_index in enumerate(pairs):
            x, y = torch.ones(size, 1), torch.tensor([label])
            graphs.append(Data(x=x, edge_index=edge_index, y=y))
    return graphs


def _cycle(size: int) -> Tensor:
    nodes = torch.arange(size)
    after = (nodes + 1) % size
    return torch.stack([torch.cat([nodes, after]), torch.cat([after, nodes])])
