from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel, wilcoxon

from graphpoly.studies.statistics import (
    cliques,
    corrected_t,
    critical_difference,
    friedman_p,
    holm,
    mean_ranks,
    wilcoxon_p,
)

# Demšar (2006), table 5a: critical values of the two-tailed Nemenyi test
DEMSAR = {
    0.05: (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
    0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
}


def test_corrected_t_by_hand() -> None:
    # mean 5/2, variance 5/3, (1/4 + 1/20) 5/3 = 1/2: t = 5/√2 with 3 degrees of freedom, whose
    # distribution is 1/2 + (x / (1 + x²) + arctan x) / π at x = t/√3
    half, p = corrected_t([1.0, 2.0, 3.0, 4.0], 1 / 20)
    x = 5 / math.sqrt(6)
    assert p == pytest.approx(1 - 2 * (x / (1 + x * x) + math.atan(x)) / math.pi, rel=1e-10)
    # the quantile is where the same distribution is 0.975
    x = half / math.sqrt(0.5) / math.sqrt(3)
    assert (x / (1 + x * x) + math.atan(x)) / math.pi == pytest.approx(0.475, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_without_overlap_it_is_the_paired_t_test(seed: int) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, 7))
    known = ttest_rel(one, other)
    half, p = corrected_t(list(one - other), 0.0)
    low, high = known.confidence_interval()
    assert p == pytest.approx(known.pvalue, rel=1e-10)
    assert half == pytest.approx((high - low) / 2, rel=1e-10)


def test_overlap_never_makes_a_difference_surer() -> None:
    differences = [0.3, 0.1, 0.2, 0.4, -0.1]
    values = [corrected_t(differences, share)[1] for share in (0.0, 0.1, 0.25, 1.0)]
    assert values == sorted(values)
    assert len(set(values)) == 4


@pytest.mark.parametrize("rows", [7, 50, 1000])
def test_wilcoxon_of_shares_is_that_of_the_counts(rows: int) -> None:
    """The rounding of a difference of shares, 0.83 - 0.81 and 0.81 - 0.79, ranks nothing."""
    generator = np.random.default_rng(rows)
    for scale in (1.0, 1e-6, 1e6):
        right, others = generator.integers(rows // 2, rows // 2 + 12, size=(2, 10)).tolist()
        differences = [
            a * scale / rows - b * scale / rows for a, b in zip(right, others, strict=True)
        ]
        counted = [float(a - b) for a, b in zip(right, others, strict=True)]
        assert wilcoxon_p(differences) == wilcoxon(counted).pvalue


def test_what_does_not_vary() -> None:
    assert corrected_t([0.0, 0.0], 0.1) == (0.0, 1.0)
    assert corrected_t([0.5, 0.5], 0.1) == (0.0, 0.0)
    assert wilcoxon_p([0.0, 0.0]) == 1.0
    assert friedman_p([[0.5, 0.5]] * 3) == 1.0
    assert math.isnan(friedman_p([[0.5, 0.6]] * 2))
    for wrong in (([1.0], 0.1), ([1.0, 2.0], -0.1)):
        with pytest.raises(ValueError, match="differences, share"):
            corrected_t(*wrong)


@pytest.mark.parametrize("n", range(1, 8))
def test_wilcoxon_of_equal_signs_is_the_smallest_there_is(n: int) -> None:
    assert wilcoxon_p(list(np.arange(1.0, n + 1))) == pytest.approx(2 / 2**n)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


@pytest.mark.parametrize("level", DEMSAR)
def test_critical_values_are_those_of_the_published_table(level: float) -> None:
    for k, published in enumerate(DEMSAR[level], 2):
        n = 14
        found = critical_difference(k, n, level) / math.sqrt(k * (k + 1) / (6 * n))
        assert found == pytest.approx(published, abs=1.001e-3)  # its last digit is not always right


def test_critical_difference_of_the_published_example() -> None:
    # Demšar, section 3.2.2: four classifiers on 14 datasets
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(2, 1) == pytest.approx(1.959964, rel=1e-6)  # of the normal one
    with pytest.raises(ValueError, match="k, n: got 1 and 3"):
        critical_difference(1, 3)


def test_friedman_of_the_published_example() -> None:
    # mean ranks 3.143, 2.000, 2.893, 1.964 over 14 datasets give chi-squared 9.28
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 14))
    ranks = np.array(mean_ranks(scores))  # type: ignore[arg-type]
    statistic = 12 * 14 / (4 * 5) * ((ranks**2).sum() - 4 * 25 / 4)
    # of three degrees of freedom, the survival function of chi-squared in closed form
    half = statistic / 2
    expected = math.erfc(math.sqrt(half)) + 2 * math.sqrt(half / math.pi) * math.exp(-half)
    assert friedman_p(scores) == pytest.approx(expected, rel=1e-10)  # type: ignore[arg-type]
    published = 12 * 14 / 20 * (3.143**2 + 2.0**2 + 2.893**2 + 1.964**2 - 25)
    assert published == pytest.approx(9.28, abs=0.02)


def test_ranks() -> None:
    scores = [[0.3, 0.5, 0.1], [0.2, 0.5, 0.9], [0.1, 0.4, 0.5]]
    assert mean_ranks(scores) == pytest.approx([(1 + 1.5 + 3) / 3, (2 + 1.5 + 1) / 3, 8 / 3])
    turned = mean_ranks(scores, maximize=False)
    assert turned == pytest.approx([4 - rank for rank in mean_ranks(scores)])


def test_cliques_are_maximal_runs() -> None:
    assert cliques([1.0, 2.0, 3.0], 0.5) == []
    assert cliques([1.0, 2.0, 3.0], 5.0) == [[0, 1, 2]]
    assert cliques([2.0, 1.0, 4.0, 4.5], 1.5) == [[1, 0], [2, 3]]
