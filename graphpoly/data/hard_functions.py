"""Functions of graphs that a small network computes, and gradient descent does not find."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = [
    "DEGREE_FUNCTIONS",
    "degree_counts",
    "degree_functions",
    "parity_correlation",
    "solve_parity",
]

DEGREE_FUNCTIONS = ("parity", "threshold")


@on_cpu()
def degree_functions(
    num_graphs: int,
    num_nodes: int = 15,
    *,
    kind: str = "parity",
    degrees: Collection[int] | None = None,
    flip: bool = False,
    p: float = 0.5,
    seed: int = 0,
) -> list[Data]:
    r"""Draw directed graphs, and say of each how many of its nodes have one of certain degrees.

    .. math::
        y(G) = b + \sum_{d \in S} c_d(G) \bmod 2, \qquad
        c_d(G) = |\{ v : v \text{ hears } d \text{ nodes} \}|

    No order of the nodes changes it. One layer that sums messages, the sum over nodes and a
    perceptron compute it for every S, and it is linear in the counts, modulo 2: hardly more graphs
    than there are degrees decide which of those that occur are in S (:func:`solve_parity`). But two
    of these functions have next to nothing in common (:func:`parity_correlation`), so that a
    gradient says nothing of which it is. A set of rare degrees alone, or of all but these, makes
    one that is nearly constant. With ``"threshold"`` y is whether the sum, in place of its parity,
    is above its mean: that is learned.

    Args:
        num_graphs: How many.
        num_nodes: Nodes n of each.
        kind: ``"parity"`` or ``"threshold"``.
        degrees: The set S; default each of 0, ..., n - 1 by a fair coin.
        flip: Whether b is 1.
        p: Probability of each of the n (n - 1) edges.
        seed: Seed of S, then of the graphs.

    Returns:
        Graphs with ``x`` ``[n, 1]`` of ones, ``edge_index`` and ``y`` ``[1]``.

    Raises:
        ValueError: If a name is unknown or a number is out of range.

    References:
        After Kiani, Le, Lawrence, Jegelka, Weber, On the hardness of learning under symmetries,
        ICLR 2024, arXiv:2401.01869.

    Example:
        >>> data, = degree_functions(1, 3, degrees=[2], p=1.0)
        >>> data.num_edges, int(data.y)
        (6, 1)
    """
    if kind not in DEGREE_FUNCTIONS:
        raise unknown("kind", kind, DEGREE_FUNCTIONS)
    for name, value in (("num_graphs", num_graphs), ("num_nodes", num_nodes)):
        if value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    if not 0 <= p <= 1:
        raise ValueError(f"p: got {p}, expected a probability")
    rng = np.random.default_rng(seed)
    coins = rng.random(num_nodes) < 0.5
    chosen = coins if degrees is None else _members(degrees, num_nodes)
    mean = num_nodes * float(_chances(num_nodes, p)[chosen].sum())
    graphs = []
    for _ in range(num_graphs):
        hears = rng.random((num_nodes, num_nodes)) < p
        np.fill_diagonal(hears, False)
        found = int(chosen[hears.sum(1)].sum())
        label = found % 2 if kind == "parity" else int(found > mean)
        target, source = hears.nonzero()
        edge_index = torch.from_numpy(np.stack([source, target]))
        y = torch.tensor([label ^ int(flip)])
        graphs.append(Data(x=torch.ones(num_nodes, 1), edge_index=edge_index, y=y))
    return graphs


def degree_counts(data: Data) -> Tensor:
    """Return how many nodes hear 0, 1, ..., n - 1 others, ``[n]``, in a graph without loops.

    >>> degree_counts(Data(edge_index=torch.tensor([[0, 1], [2, 2]]), num_nodes=3)).tolist()
    [2, 0, 1]
    """
    assert data.edge_index is not None
    size = int(data.num_nodes or 0)
    heard = torch.bincount(data.edge_index[1], minlength=size)
    return torch.bincount(heard, minlength=size)


def parity_correlation(
    num_nodes: int, one: Collection[int], other: Collection[int] = (), *, p: float = 0.5
) -> float:
    r"""Return the mean of :math:`(-1)^{y_S + y_{S'}}` over the graphs that are drawn, exactly.

    .. math::
        \mathbb{E} = \Big(1 - 2 \sum_{d \in S \triangle S'} \mathrm{Bin}(d; n - 1, p)\Big)^n

    for nodes hear independently of one another. It is the bias of one parity where the other set
    is empty.

    Args:
        num_nodes: Nodes n.
        one: The set S.
        other: The set S'.
        p: Probability of each edge.

    >>> round(parity_correlation(3, [0], [1, 0, 2]), 6), round(parity_correlation(3, [0]), 6)
    (-0.125, 0.125)
    """
    differs = _members(one, num_nodes) ^ _members(other, num_nodes)
    return float((1 - 2 * _chances(num_nodes, p)[differs].sum()) ** num_nodes)


@on_cpu()
def solve_parity(counts: Tensor, y: Tensor) -> Tensor:
    """Find a parity by Gaussian elimination modulo 2.

    Args:
        counts: Of each graph, whole numbers ``[G, D]``, such as :func:`degree_counts`.
        y: 0 or 1 for each graph, ``[G]``.

    Returns:
        ``[D + 1]`` of bool: the members of S, and b. Of the functions that agree with all graphs
        the one without those members that no graph asks for.

    Raises:
        ValueError: If there is no such function.

    >>> solve_parity(torch.tensor([[1, 2], [2, 1], [1, 1]]), torch.tensor([0, 1, 0])).int().tolist()
    [1, 0, 1]
    """
    if counts.dim() != 2 or y.shape != counts.shape[:1]:
        shapes = f"{list(counts.shape)} and {list(y.shape)}"
        raise ValueError(f"counts, y: got shapes {shapes}, expected [G, D] and [G]")
    ones = counts.new_ones(len(counts), 1)
    rows = (torch.cat([counts, ones, y.view(-1, 1).to(counts.dtype)], 1) % 2).bool()
    pivots: list[int] = []
    for column in range(counts.size(1) + 1):
        below = rows[len(pivots) :, column].nonzero()
        if not len(below):
            continue
        place = len(pivots)
        swapped = place + int(below[0])
        rows[[place, swapped]] = rows[[swapped, place]]
        others = rows[:, column].clone()
        others[place] = False
        rows[others] ^= rows[place]
        pivots.append(column)
    if bool(rows[len(pivots) :, -1].any()):
        raise ValueError("y: no parity of counts agrees with all graphs")
    found = torch.zeros(counts.size(1) + 1, dtype=torch.bool)
    found[pivots] = rows[: len(pivots), -1].cpu()
    return found


def _members(degrees: Collection[int], num_nodes: int) -> np.ndarray:
    wrong = [d for d in degrees if not 0 <= d < num_nodes or d != int(d)]
    if wrong:
        raise ValueError(f"degrees: got {wrong[0]}, expected whole numbers below {num_nodes}")
    return np.isin(np.arange(num_nodes), list(degrees))


def _chances(num_nodes: int, p: float) -> np.ndarray:
    """Return the probability of each degree of a node."""
    return np.asarray(binom.pmf(np.arange(num_nodes), num_nodes - 1, p))
