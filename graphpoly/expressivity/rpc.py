r"""Reliable paired comparison: whether a trained network's outputs tell two graphs apart.

Both graphs are copied q times with their nodes renamed. With :math:`D_i` for the difference of the
outputs of two copies, :math:`\bar D` for their mean and S for their covariance,

.. math::
    T^2_{\text{reference}} = \bar D^\top S^{+} \bar D, \qquad
    T^2_{\text{Hotelling}} = q\, \bar D^\top S^{+} \bar D

and the pair is distinguished where :math:`T^2` exceeds 72.34 and is not close to the same statistic
of 2q copies of one of the graphs, the reliability check, which must stay below 72.34 itself.

The threshold is that of Hotelling's test at level 0.05 for q = 32 copies and d = 16 outputs,
:math:`\frac{(q - 1) d}{q - d} F_{d, q - d}^{-1}(0.95) = 72.34`, which holds for the statistic
*with* the factor q. The published script leaves the factor out: its test has level
:math:`5.5 \cdot 10^{-12}`. Both scales are reported. On the second one a reliability check of
Gaussian noise fails once in twenty times by construction; on the first practically never.

Outputs that are exactly equal have the statistic 0. So have outputs that differ by one constant:
S is then 0 and its pseudo-inverse, too. ``rank`` says so.

References:
    Wang and Zhang, Towards Better Evaluation of GNN Expressiveness with BREC Dataset,
    arXiv:2304.07702.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch_geometric.data import Data

__all__ = [
    "COPIES",
    "SCALES",
    "THRESHOLD",
    "Statistic",
    "Verdict",
    "comparison_graphs",
    "hotelling_threshold",
    "judge",
    "paired_statistic",
    "renamed_copies",
]

COPIES = 32
THRESHOLD = 72.34
SCALES = ("reference", "hotelling")
_ATTEMPTS = 10_000
_CLOSE, _RELATIVELY = 1e-6, 1e-5


@dataclass(frozen=True)
class Statistic:
    """The statistic of a set of differences.

    Attributes:
        reference: As the published script computes it.
        hotelling: With the factor q.
        rank: Of the covariance, d where nothing is degenerate.
    """

    reference: float
    hotelling: float
    rank: int


@dataclass(frozen=True)
class Verdict:
    """What is concluded on one scale.

    Attributes:
        distinguished: Whether the pair is, as far as its own statistic says.
        reliable: Whether the reliability check is passed.
    """

    distinguished: bool
    reliable: bool

    @property
    def counts(self) -> bool:
        """Whether the pair is distinguished, reliably."""
        return self.distinguished and self.reliable


def hotelling_threshold(copies: int = COPIES, outputs: int = 16, level: float = 0.05) -> float:
    """Return the threshold of Hotelling's paired test.

    Args:
        copies: Number of differences q.
        outputs: Their size d, below q.
        level: Probability of exceeding it where the means are equal and noise is Gaussian.

    >>> round(hotelling_threshold(), 2)
    72.34
    """
    if not 0 < outputs < copies:
        raise ValueError(
            f"outputs: got {outputs} with {copies} copies; 1 to copies - 1 is accepted"
        )
    scale = (copies - 1) * outputs / (copies - outputs)
    return float(scale * stats.f.ppf(1 - level, outputs, copies - outputs))


def paired_statistic(outputs: Tensor) -> Statistic:
    """Compute the statistic of interlaced outputs.

    Args:
        outputs: ``[2 q, d]``: copies of one graph in even rows, of the other in odd ones. The
            statistic is computed in their dtype, whose rounding decides what is singular.

    >>> paired_statistic(torch.ones(8, 2))
    Statistic(reference=0.0, hotelling=0.0, rank=0)
    """
    if outputs.dim() != 2 or outputs.size(0) % 2 or outputs.size(0) < 4:
        raise ValueError(f"outputs: got shape {tuple(outputs.shape)}, expected [2 q, d] with q > 1")
    difference = (outputs[0::2] - outputs[1::2]).detach()
    if not bool(difference.isfinite().all()):
        return Statistic(math.nan, math.nan, 0)
    mean = difference.mean(0)
    covariance = torch.atleast_2d(torch.cov(difference.T))
    value = float(mean @ torch.linalg.pinv(covariance) @ mean)
    rank = int(torch.linalg.matrix_rank(covariance))
    return Statistic(value, difference.size(0) * value, rank)


def judge(
    pair: Statistic, reliability: Statistic, *, threshold: float = THRESHOLD
) -> dict[str, Verdict]:
    """Decide on both scales.

    Args:
        pair: Of copies of both graphs.
        reliability: Of copies of one graph.
        threshold: For both statistics and both scales.

    Returns:
        Scale to verdict. What is not a number distinguishes nothing and is not reliable.

    >>> pair, same = Statistic(3.0, 96.0, 16), Statistic(0.5, 16.0, 16)
    >>> {scale: verdict.counts for scale, verdict in judge(pair, same).items()}
    {'reference': False, 'hotelling': True}
    """
    verdicts = {}
    for scale in SCALES:
        value, other = getattr(pair, scale), getattr(reliability, scale)
        close = abs(value - other) <= _CLOSE + _RELATIVELY * abs(other)
        verdicts[scale] = Verdict(value > threshold and not close, other < threshold)
    return verdicts


def renamed_copies(data: Data, count: int, generator: np.random.Generator) -> list[Data]:
    """Return a graph and renamed copies of it, no two of which have the same edges.

    Args:
        data: A graph; attributes of nodes and edges go along.
        count: Number of copies with itself.
        generator: Where the renamings are drawn from.

    Raises:
        ValueError: If the graph is so symmetric that there are not so many copies.
    """
    size = int(data.num_nodes or 0)
    copies, seen = [], set()
    for attempt in range(_ATTEMPTS):
        order = generator.permutation(size) if attempt else np.arange(size)
        name = torch.from_numpy(order)
        edge_index = name[data.edge_index]
        place = (edge_index[0] * size + edge_index[1]).argsort()
        edge_index = edge_index[:, place]
        key = edge_index.numpy().tobytes()
        if key in seen:
            continue
        seen.add(key)
        copy = Data(edge_index=edge_index, num_nodes=size)
        for attribute, value in data.items():
            if attribute in ("edge_index", "num_nodes"):
                continue
            if data.is_node_attr(attribute):
                value = value[name.argsort()]
            elif data.is_edge_attr(attribute):
                value = value[place]
            copy[attribute] = value
        copies.append(copy)
        if len(copies) == count:
            return copies
    raise ValueError(
        f"data: a graph of {size} nodes and {data.num_edges} edges has only about {len(copies)} "
        f"different copies, {count} are needed"
    )


def comparison_graphs(
    one: Data, other: Data, *, seed: int = 2022, copies: int = COPIES
) -> tuple[list[Data], list[Data]]:
    """Return what a network is trained and judged on.

    Args:
        one, other: The pair.
        seed: Of the renamings, and of which graph checks the reliability.
        copies: Number q of copies of each graph.

    Returns:
        2q graphs, copies of ``one`` and ``other`` by turns, and 2q copies of one of them.

    >>> from graphpoly.expressivity import hard_pair
    >>> pair, same = comparison_graphs(*hard_pair("sr16622"))
    >>> len(pair), len(same)
    (64, 64)
    """
    generator = np.random.default_rng(seed)
    first, second = (renamed_copies(data, copies, generator) for data in (one, other))
    pair = [graph for both in zip(first, second, strict=True) for graph in both]
    same = (one, other)[int(generator.integers(2))]
    return pair, renamed_copies(same, 2 * copies, generator)
