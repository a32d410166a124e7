from __future__ import annotations

import math

import numpy as np
import pytest

from graphpoly.privacy import Ledger, Mechanism, noise_for, to_epsilon
from graphpoly.privacy.accountant import ORDERS, PUBLISHED_ORDERS

ARXIV, DELTA = 90_941, 1 / 909_410  # training nodes of ogbn-arxiv


def arxiv(sigma: float, terms: int = 6) -> Mechanism:
    return Mechanism(num_nodes=ARXIV, batch_size=10_000, terms=terms, sigma=sigma)


@pytest.mark.parametrize(
    ("terms", "sigma", "steps", "epsilon"),
    [
        (6, 1, 3000, 90.49),
        (6, 2, 3000, 33.80),
        (6, 4, 3000, 13.93),
        (6, 1, 100, 10.74),
        (6, 2, 100, 4.74),
        (6, 4, 100, 2.18),
        (4, 4, 3000, 16.30),
        (11, 4, 3000, 11.58),
        (31, 4, 3000, 9.55),
    ],
)
def test_the_account_of_the_published_code(
    terms: int, sigma: float, steps: int, epsilon: float
) -> None:
    step = arxiv(sigma, terms)
    published = step.epsilon(steps, DELTA, PUBLISHED_ORDERS)
    assert published == pytest.approx(epsilon, abs=0.005)
    assert 0.99 * published < step.epsilon(steps, DELTA) <= published


def test_the_ledger_says_what_the_account_says_and_stops() -> None:
    ledger = Ledger(arxiv(2.0), delta=DELTA, budget=3)
    assert ledger.epsilon == 0
    for steps in (1, 2, 3):
        ledger.spend()
        assert ledger.epsilon == arxiv(2.0).epsilon(steps, DELTA)
    with pytest.raises(ValueError, match="all 3 steps are spent"):
        ledger.spend()
    assert ledger.after(3000) == arxiv(2.0).epsilon(3000, DELTA)


def test_more_steps_reveal_more_and_more_noise_less() -> None:
    by_steps = [arxiv(2.0).epsilon(steps, DELTA) for steps in (0, 1, 10, 100, 1000, 10_000)]
    assert by_steps == sorted(set(by_steps))
    by_noise = [arxiv(sigma).epsilon(100, DELTA) for sigma in (0.5, 1, 2, 4, 8, 16)]
    assert by_noise == sorted(set(by_noise), reverse=True)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("batch_size", [1, 20, 100])
def test_too_little_noise_to_count_with_hides_nothing(independent: bool, batch_size: int) -> None:
    """What overflows on the way is a loss that is infinite, and none of 0."""
    found = [
        Mechanism(
            num_nodes=100, batch_size=batch_size, terms=1, sigma=sigma, independent=independent
        ).epsilon(5, DELTA)
        for sigma in (1.0, 1e-3, 1e-100, 1e-153, 1e-155, 1e-160, 1e-200, 5e-324)
    ]
    assert found == sorted(found)
    assert found[-1] == math.inf


@pytest.mark.parametrize("divergence", [-1.0, math.nan])
def test_what_is_no_divergence_is_no_loss(divergence: float) -> None:
    with pytest.raises(ValueError, match=f"divergences: got {divergence}"):
        to_epsilon(np.where(ORDERS > 2, divergence, 1.0), DELTA)
    with pytest.raises(ValueError, match="divergences: got -"):
        arxiv(2.0).epsilon(-3, DELTA)


@pytest.mark.parametrize("terms", [1, 6, 31])
def test_all_nodes_at_once_are_a_gaussian(terms: int) -> None:
    step = Mechanism(num_nodes=50, batch_size=50, terms=terms, sigma=3.0)
    np.testing.assert_allclose(step.renyi(), ORDERS / (2 * 3.0**2), rtol=1e-12)


def test_the_mean_over_how_many_terms_are_hit_is_that_of_all_batches() -> None:
    """Nine nodes, batches of four, three terms: the 126 batches one by one."""
    from itertools import combinations

    step = Mechanism(num_nodes=9, batch_size=4, terms=3, sigma=1.5)
    for order, found in zip((1.5, 2.0, 7.0), step.renyi(np.array([1.5, 2.0, 7.0])), strict=True):
        moments = [
            math.exp(order * (order - 1) / (2 * 1.5**2) * (len({0, 1, 2} & set(batch)) / 3) ** 2)
            for batch in combinations(range(9), 4)
        ]
        expected = math.log(sum(moments) / len(moments)) / (order - 1)
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [2, 3, 8])
@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_a_toss_for_each_node_is_the_integral(order: int, rate: float) -> None:
    """Of ((1 - q) N(0, s) + q N(1, s))^a N(0, s)^(1 - a)."""
    sigma, z = 0.8, np.linspace(-30, 40, 400_001)
    base = np.exp(-(z**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    ratio = 1 - rate + rate * np.exp((2 * z - 1) / (2 * sigma**2))
    expected = np.log(np.trapezoid(base * ratio**order, z)) / (order - 1)
    step = Mechanism(
        num_nodes=100, batch_size=round(100 * rate), terms=1, sigma=sigma, independent=True
    )
    assert step.renyi(np.array([float(order)]))[0] == pytest.approx(expected, rel=1e-8)
    between = step.renyi(np.array([order + 0.5]))[0]
    chord = np.log(np.trapezoid(base * ratio ** (order + 0.5), z)) / (order - 0.5)
    assert between >= chord


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("epsilon", [0.5, 4.0, 40.0])
def test_the_noise_is_the_least_that_is_enough(epsilon: float, independent: bool) -> None:
    numbers = {"num_nodes": 5000, "batch_size": 500, "terms": 1 if independent else 6}
    step = noise_for(epsilon, steps=200, delta=1e-5, independent=independent, **numbers)
    assert step.epsilon(200, 1e-5) <= epsilon
    less = Mechanism(sigma=0.9999 * step.sigma, independent=independent, **numbers)
    assert less.epsilon(200, 1e-5) > epsilon


def test_without_a_graph_a_toss_for_each_node_needs_less_noise() -> None:
    numbers = {"steps": 500, "delta": 1e-6, "num_nodes": ARXIV, "batch_size": 10_000, "terms": 1}
    toss, drawn = noise_for(10.0, independent=True, **numbers), noise_for(10.0, **numbers)
    assert toss.sigma * toss.sensitivity < 0.25 * drawn.sigma * drawn.sensitivity


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epsilon": 0.0}, "epsilon: got 0.0"),
        ({"epsilon": math.inf}, "epsilon: got inf"),
        ({"epsilon": 1e-3}, "expected more than 0.00835"),
        ({"delta": 0.0}, "delta: got 0.0"),
        ({"steps": 0}, "steps: got 0"),
        ({"batch_size": 60}, "expected from 1 to the 50"),
        ({"terms": 0}, "terms: got 0"),
        ({"terms": 51}, "terms: got 51, expected from 1 to 50"),
        ({"terms": 2, "independent": True}, "expected from 1 to 1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, float], words: str) -> None:
    given = {"epsilon": 1.0, "steps": 5, "delta": 1e-5, "num_nodes": 50, "batch_size": 10}
    with pytest.raises(ValueError, match=words):
        noise_for(**{**given, "terms": 3, **changes})  # type: ignore[arg-type]


def test_dp_accounting_says_the_same_where_it_can() -> None:
    """It knows the Gaussian, and a toss for each of those who have one term."""
    dp = pytest.importorskip("dp_accounting")
    whole = np.arange(2.0, 65.0)
    for event, step in (
        (dp.GaussianDpEvent(2.5), Mechanism(num_nodes=9, batch_size=9, terms=1, sigma=2.5)),
        (
            dp.PoissonSampledDpEvent(0.3, dp.GaussianDpEvent(1.25)),
            Mechanism(num_nodes=10, batch_size=3, terms=1, sigma=1.25, independent=True),
        ),
    ):
        theirs = dp.rdp.RdpAccountant(whole)
        theirs.compose(event, 20)
        np.testing.assert_allclose(20 * step.renyi(whole), theirs.rdp, rtol=1e-9)
        assert step.epsilon(20, 1e-5, whole) == pytest.approx(theirs.get_epsilon(1e-5), rel=1e-9)
    rdp = arxiv(2.0).renyi(PUBLISHED_ORDERS) * 3000
    theirs, _ = dp.rdp.compute_epsilon(PUBLISHED_ORDERS, rdp, DELTA)
    assert to_epsilon(rdp, DELTA, PUBLISHED_ORDERS) == pytest.approx(theirs, rel=1e-12)


def test_the_plain_subsampled_gaussian_is_no_account_of_message_passing() -> None:
    """It takes noise of sigma C for enough, where a node moves 2 (K + 1) C."""
    plain = Mechanism(num_nodes=ARXIV, batch_size=10_000, terms=1, sigma=2.0, independent=True)
    promised = plain.epsilon(3000, DELTA)
    assert arxiv(2.0 / 12).epsilon(3000, DELTA) > 50 * promised
    # and were the noise of the right size, a batch would still hold one of K + 1 terms more often
    assert arxiv(2.0).epsilon(3000, DELTA) > 1.5 * promised
