"""Whether scores of the same divisions differ: paired tests, ranks, and what several tests cost.

Sources: Nadeau and Bengio, *Inference for the Generalization Error*, Machine Learning 52, 2003;
Demšar, *Statistical Comparisons of Classifiers over Multiple Data Sets*, JMLR 7, 2006; Holm, *A
Simple Sequentially Rejective Multiple Test Procedure*, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon
from scipy.stats import t as student

__all__ = [
    "cliques",
    "corrected_t",
    "critical_difference",
    "friedman_p",
    "holm",
    "mean_ranks",
    "wilcoxon_p",
]


def corrected_t(differences: Sequence[float], share: float) -> tuple[float, float]:
    r"""Return half the 95 % interval of a mean difference, and p that it is 0.

    Training sets that overlap make scores alike; Nadeau and Bengio allow for it by

    .. math::
        t = \frac{\bar d}{\sqrt{(1/n + n_\text{test} / n_\text{train})\, s^2}},

    with :math:`n - 1` degrees of freedom and the unbiased variance :math:`s^2` of the differences.
    A share of 0 is the paired t-test.

    Args:
        differences: Of the same division, ``[n]`` with n at least 2.
        share: Test rows for each training row.

    Raises:
        ValueError: If there are fewer than two differences or the share is negative.

    >>> half, p = corrected_t([1.0, 2.0, 3.0, 4.0], 0.05)
    >>> round(half, 4), round(p, 4)
    (2.2503, 0.0385)
    """
    n = len(differences)
    if n < 2 or share < 0:
        raise ValueError(f"differences, share: got {n} and {share}, expected at least 2 and 0")
    mean, spread = np.mean(differences), np.std(differences, ddof=1) * math.sqrt(1 / n + share)
    if spread == 0:
        return 0.0, 1.0 if mean == 0 else 0.0
    p = 2 * student.sf(abs(mean) / spread, n - 1)
    return float(student.ppf(0.975, n - 1) * spread), float(p)


def wilcoxon_p(differences: Sequence[float]) -> float:
    """Return p of Wilcoxon's signed ranks, two-sided; 1 where nothing differs.

    With n differences it is never below 2 / 2^n: five divisions show nothing at 5 %. Shares of a
    test part often differ by the same number of rows, which shares its ranks although the rounding
    of the scores makes several numbers of it.

    >>> wilcoxon_p([1.0, 2.0, 3.0, 4.0, 5.0])
    0.0625
    """
    if not np.any(differences):
        return 1.0
    scaled = np.asarray(differences) / np.max(np.abs(differences))
    return float(wilcoxon(scaled.round(9)).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Return the p values of several tests, raised so that 5 % holds for all of them together.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values, dtype=float)[order] * np.arange(len(values), 0, -1)
    raised = np.empty(len(values))
    raised[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in raised]


def mean_ranks(scores: Sequence[Sequence[float]], *, maximize: bool = True) -> list[float]:
    """Return the mean rank of each contestant over the divisions, 1 for the best.

    Args:
        scores: One row a contestant, ``[k, n]``; equal ones share the mean of their ranks.
        maximize: Whether larger scores are better.

    >>> mean_ranks([[0.9, 0.8], [0.7, 0.8], [0.1, 0.2]])
    [1.25, 1.75, 3.0]
    """
    table = np.asarray(scores, dtype=float)
    ranks = rankdata(-table if maximize else table, axis=0).mean(axis=1)
    return [float(rank) for rank in ranks]


def friedman_p(scores: Sequence[Sequence[float]]) -> float:
    """Return p that all contestants ``[k, n]`` are alike (Friedman); NaN of fewer than three."""
    if len(scores) < 3:
        return math.nan
    if not np.ptp(scores, axis=0).any():
        return 1.0  # where the statistic is 0 / 0
    return float(friedmanchisquare(*scores).pvalue)


def critical_difference(k: int, n: int, level: float = 0.05) -> float:
    r"""Return by how much mean ranks have to differ to be told apart (Nemenyi):

    .. math:: q_\alpha \sqrt{k (k + 1) / (6 n)},

    where :math:`q_\alpha` is the quantile of the studentised range over :math:`\sqrt 2`.

    Args:
        k: Contestants, at least 2.
        n: Divisions, or datasets.
        level: Share of false alarms.
    """
    if k < 2 or n < 1:
        raise ValueError(f"k, n: got {k} and {n}, expected at least 2 and 1")
    quantile = studentized_range.ppf(1 - level, k, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(k * (k + 1) / (6 * n)))


def cliques(ranks: Sequence[float], distance: float) -> list[list[int]]:
    """Return the largest groups of neighbours in rank whose ends are nearer than ``distance``.

    >>> cliques([3.0, 1.0, 1.5, 2.2], 1.0)
    [[1, 2], [2, 3], [3, 0]]
    """
    order = sorted(range(len(ranks)), key=lambda i: ranks[i])
    groups: list[list[int]] = []
    reached = 0
    for start, first in enumerate(order):
        stop = start
        while stop < len(order) and ranks[order[stop]] - ranks[first] < distance:
            stop += 1
        if stop > reached and stop - start > 1:
            groups.append(order[start:stop])
        reached = max(reached, stop)
    return groups
