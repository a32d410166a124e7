r"""Equivariant polynomials of dense matrices, one summed node after another.

To remove node w of a multigraph is to sum over its index: the k neighbours that it has by then get
a common factor

.. math::
    F_{i_1 \dots i_k} = \sum_{i_w} \prod_{f \ni w} f_{i_w \dots}

in :math:`n^{k+1}` steps. The width of a plan is its largest k. Width 1 is what messages between
nodes compute (matrix times vector), width 2 what products of matrices of pairs do: these are the
banks of operations of message-passing networks and of PPGN. Where nodes of few neighbours go first,
width 1 and 2 are found whenever they are possible.

References:
    Puny, Lim, Kiani, Maron and Lipman, Equivariant Polynomials for Graph Neural Networks, ICML
    2023, arXiv:2302.11556.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.entry import check_device
from graphpoly.ops.multigraph import Multigraph, multigraphs

__all__ = ["Plan", "contract", "contraction_plan", "einsum_cost", "uncomputable"]

_LETTERS = string.ascii_letters


@dataclass(frozen=True)
class Plan:
    """In which order to sum.

    Attributes:
        pattern: What is computed.
        steps: Each node that is summed, and the neighbours that it has by then.
    """

    pattern: Multigraph
    steps: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def width(self) -> int:
        """Largest number of neighbours."""
        return max((len(around) for _, around in self.steps), default=0)

    def cost(self, n: int) -> int:
        """Return the number of terms that are added on n nodes."""
        return sum(n ** (len(around) + 1) for _, around in self.steps)


@cache
def contraction_plan(pattern: Multigraph, still: int | None = None) -> Plan:
    """Remove nodes one by one, always one of fewest neighbours.

    Among those, one on which the fewest steps wait: the arms of a cycle grow alike, so that they
    can be shared.

    Args:
        pattern: What is computed.
        still: A node whose place is given, so that it is neither removed nor counted.

    >>> contraction_plan(Multigraph.parse("ab,bc,cd,da->")).width
    2
    >>> contraction_plan(Multigraph.parse("ab,ac,ad,bc,bd,cd->a")).width
    3
    """
    around: dict[int, set[int]] = {v: set() for v in range(pattern.num_nodes) if v != still}
    for u, v in pattern.edges:
        if u != v and still not in (u, v):
            around[u].add(v)
            around[v].add(u)
    steps, height = [], dict.fromkeys(around, 0)
    while left := [node for node in around if node not in pattern.roots]:
        node = min(left, key=lambda v: (len(around[v]), height[v]))
        others = around.pop(node)
        for other in others:
            around[other] |= others - {other}
            around[other].discard(node)
            height[other] = max(height[other], height[node] + 1)
        steps.append((node, tuple(sorted(others))))
    return Plan(pattern, tuple(steps))


@cache
def uncomputable(degree: int = 6, width: int = 2) -> tuple[Multigraph, ...]:
    """List the simple connected multigraphs that no plan of a width computes.

    Args:
        degree: Largest number of edges.
        width: 1 for message passing, 2 for PPGN.

    Returns:
        Those without root, then with one, then with two, each by degree.

    >>> [str(one) for one in uncomputable(5)]
    ['ac,ad,bc,bd,cd->ab']
    >>> len(uncomputable(6))
    12
    """
    return tuple(
        one
        for roots in (0, 1, 2)
        for edges in range(1, degree + 1)
        for one in multigraphs(edges, roots, "simple")
        if contraction_plan(one).width > width
    )


def einsum_cost(pattern: Multigraph, n: int) -> float:
    """Return what opt_einsum's best path takes, where it is installed.

    Args:
        pattern: What is computed.
        n: Number of nodes.

    Raises:
        ImportError: Without opt_einsum.
    """
    try:
        import opt_einsum
    except ImportError as error:
        raise ImportError(
            "einsum_cost needs opt_einsum: pip install graphpoly[expressivity]"
        ) from error
    terms, _, roots = str(pattern).partition("->")
    kept = "".join(root for root in dict.fromkeys(roots) if root in terms)
    shapes = [(n, n)] * pattern.degree
    _, path = opt_einsum.contract_path(f"{terms}->{kept}", *shapes, shapes=True)
    return float(path.opt_cost)


def contract(patterns: Sequence[Multigraph], x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
    """Evaluate polynomials; what several of them share is computed once.

    Args:
        patterns: Which ones.
        x: Matrices ``[..., n, n]``, entry (i, j) for the edge from i to j. Further dimensions are
            graphs and channels.
        mask: Which nodes are there, ``[..., n]`` bool, where graphs are padded.

    Returns:
        For each pattern a tensor ``[...]``, ``[..., n]`` or ``[..., n, n]``; 0 where nodes are
        padding.

    Raises:
        TypeError: If ``mask`` is not bool.
        ValueError: If shapes do not fit.

    Complexity: O(n^(w+1)) time and O(n^w) memory at width w, for each matrix.

    >>> triangle = Multigraph.parse("ab,bc,ca->a")
    >>> complete = torch.ones(4, 4) - torch.eye(4)
    >>> contract([triangle], complete)[0].tolist()
    [6.0, 6.0, 6.0, 6.0]
    """
    if x.dim() < 2 or x.size(-1) != x.size(-2):
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [..., n, n]")
    if mask is None:
        there = x.new_ones(x.shape[:-1])
    else:
        if mask.dtype != torch.bool:
            raise TypeError(f"mask: got dtype {mask.dtype}, expected bool")
        check_device("mask", mask, x.device)
        try:
            there = mask.to(x.dtype).expand(x.shape[:-1])
        except RuntimeError:
            raise ValueError(
                f"mask: got shape {tuple(mask.shape)}, expected {tuple(x.shape[:-1])}"
            ) from None
        x = x * there.unsqueeze(-1) * there.unsqueeze(-2)
    known = _Values(x, there)
    return [known.polynomial(one) for one in patterns]


class _Factor(NamedTuple):
    """A tensor by its number, and the nodes that its last dimensions stand for."""

    nodes: tuple[int, ...]
    number: int


class _Values:
    """Tensors by what they are, so that equal ones are made once."""

    def __init__(self, x: Tensor, there: Tensor) -> None:
        self.x, self.there = x, there
        self.numbers: dict[object, int] = {}
        self.tensors: list[Tensor] = []

    def polynomial(self, pattern: Multigraph) -> Tensor:
        factors = self._edges(pattern)
        for node, around in contraction_plan(pattern).steps:
            mine = [one for one in factors if node in one.nodes]
            factors = [one for one in factors if node not in one.nodes]
            factors.append(self._product(mine, around))
        # an index that occurs nowhere else runs over the nodes that are there
        roots = tuple(dict.fromkeys(pattern.roots))
        there = self._once("there", lambda: self.there)
        factors += [_Factor((root,), there) for root in roots]
        out = self.tensors[self._product(factors, roots).number]
        return out.diag_embed() if len(roots) < len(pattern.roots) else out

    def _edges(self, pattern: Multigraph) -> list[_Factor]:
        times = Counter(pattern.edges)
        factors = []
        for u, v in sorted({(min(edge), max(edge)) for edge in pattern.edges}):
            if u == v:
                number = self._once(("loop", times[u, u]), partial(self._loops, times[u, u]))
            else:
                powers = times[u, v], times[v, u]
                number = self._once(("edge", *powers), partial(self._entries, *powers))
            factors.append(_Factor((u,) if u == v else (u, v), number))
        return factors

    def _product(self, factors: list[_Factor], kept: tuple[int, ...]) -> _Factor:
        """Multiply, and sum over every node that is not kept."""
        names = {node: i for i, node in enumerate(kept)}
        for one in factors:
            for node in one.nodes:
                names.setdefault(node, len(names))
        # small ones first, and those of the same nodes side by side: einsum goes from left to right
        terms = [(tuple(names[v] for v in one.nodes), one.number) for one in factors]
        terms.sort(key=lambda term: (len(term[0]), term))
        key = (len(kept), *terms)
        return _Factor(kept, self._once(key, partial(self._einsum, terms, len(kept))))

    def _once(self, key: object, make: Callable[[], Tensor]) -> int:
        if key not in self.numbers:
            self.tensors.append(make())
            self.numbers[key] = len(self.tensors) - 1
        return self.numbers[key]

    def _loops(self, times: int) -> Tensor:
        return self.x.diagonal(dim1=-2, dim2=-1) ** times

    def _entries(self, out: int, back: int) -> Tensor:
        return self.x**out * self.x.transpose(-1, -2) ** back

    def _einsum(self, terms: list[tuple[tuple[int, ...], int]], kept: int) -> Tensor:
        if not terms:
            return self.x.new_ones(self.x.shape[:-2])
        left = ",".join("..." + "".join(_LETTERS[i] for i in nodes) for nodes, _ in terms)
        tensors = [self.tensors[number] for _, number in terms]
        out: Tensor = torch.einsum(f"{left}->...{_LETTERS[:kept]}", *tensors)
        return out
