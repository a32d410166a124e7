"""Metrics against closed forms and brute force."""

from __future__ import annotations

import math

import pytest
import torch

from graphpoly.training import METRICS, accuracy, mae, rocauc
from graphpoly.training.metrics import average_precision, get_metric, mse, rmse, sse


def pairs(y, score):
    """Share of (positive, negative) pairs in the right order, ties half: the area under ROC."""
    positive, negative = score[y == 1], score[y == 0]
    difference = positive[:, None] - negative[None, :]
    return ((difference > 0).double() + 0.5 * (difference == 0)).mean().item()


def test_accuracy():
    y = torch.tensor([0, 1, 2, 2])
    assert accuracy(y, torch.eye(3)[[0, 1, 2, 0]]) == 0.75
    assert accuracy(y.view(-1, 1), torch.eye(3)[[0, 1, 2, 0]]) == 0.75
    assert accuracy(y, torch.tensor([0, 1, 2, 2])) == 1.0
    assert accuracy(torch.tensor([0, 1, 1]), torch.tensor([[-1.0], [2.0], [-0.1]])) == 2 / 3
    with pytest.raises(ValueError, match="3 predictions for 4 labels"):
        accuracy(y, torch.eye(3))


def test_rocauc_counts_ordered_pairs_and_skips_what_is_missing():
    torch.manual_seed(0)
    y = (torch.rand(60, 3) > 0.5).float()
    score = (torch.randn(60, 3) * 4).round()  # with ties
    y[:20, 0] = float("nan")
    y[:, 2] = 1.0  # one class only: left out of the mean
    there = ~y[:, 0].isnan()
    expected = (pairs(y[there, 0], score[there, 0]) + pairs(y[:, 1], score[:, 1])) / 2
    assert rocauc(y, score) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="no label column has both classes"):
        rocauc(y[:, 2], score[:, 2])
    with pytest.raises(ValueError, match=r"shape \(60, 2\) does not fit y_true of \(60, 3\)"):
        rocauc(y, score[:, :2])


def test_rocauc_of_two_class_scores_is_that_of_their_probability():
    torch.manual_seed(0)
    y, logits = torch.randint(2, (50,)), torch.randn(50, 2)
    assert rocauc(y, logits) == pytest.approx(pairs(y, logits.softmax(1)[:, 1]), abs=1e-12)


def test_average_precision_by_hand():
    # ranks: 1, 0, 1 -> precision 1/1 at the first positive and 2/3 at the second
    y, score = torch.tensor([1, 0, 1]), torch.tensor([0.9, 0.8, 0.1])
    assert average_precision(y, score) == pytest.approx((1 + 2 / 3) / 2)


def test_errors_skip_missing_labels_and_do_not_broadcast():
    y, guess = torch.tensor([1.0, float("nan"), 4.0]), torch.tensor([[2.0], [9.0], [2.0]])
    assert mae(y, guess) == 1.5
    assert mse(y, guess) == 5 / 2
    assert rmse(y, guess) == pytest.approx((5 / 2) ** 0.5)
    with pytest.raises(ValueError, match="does not fit"):
        mae(y, guess[:2])
    with pytest.raises(ValueError, match="does not fit"):
        mae(torch.ones(2, 3), torch.ones(3, 2))
    assert mae(torch.arange(6.0), torch.arange(6.0).view(2, 3)) == 0


@pytest.mark.parametrize("metric", [accuracy, mae, mse, rmse, sse])
def test_without_a_label_there_is_no_score(metric):
    assert math.isnan(metric(torch.zeros(0), torch.zeros(0)))
    if metric is not accuracy:
        assert math.isnan(metric(torch.tensor([float("nan")]), torch.ones(1)))


@pytest.mark.parametrize("metric", METRICS)
def test_of_scores_that_are_nan_the_metric_is_nan(metric):
    y, guess = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([1.0, float("nan"), 2.0])
    assert math.isnan(METRICS[metric].function(y, guess))
    assert math.isnan(METRICS[metric].function(y.view(3, 1), guess.view(3, 1)))


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_without_a_label_is_as_if_it_were_not_there(metric):
    y, guess = torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.tensor([-1.0, 0.5, -2.0, 3.0])
    function, nothing = METRICS[metric].function, torch.full((2,), float("nan"))
    assert function(torch.cat([nothing, y]), torch.cat([nothing, guess])) == function(y, guess)


def test_of_three_columns_of_scores_that_are_nan_there_is_no_largest():
    scores = torch.tensor([[0.0, 1.0, 0.0], [0.0, float("nan"), 0.0]])
    assert math.isnan(accuracy(torch.tensor([1, 1]), scores))
    assert accuracy(torch.tensor([1.0, float("nan")]), scores) == 1


def test_labels_that_are_neither_class_are_refused():
    for label in (-1.0, 2.0):
        y = torch.tensor([[0.0, 1.0], [1.0, label], [0.0, 0.0]])
        with pytest.raises(ValueError, match=f"y_true: got {label:g}, expected 0, 1 or NaN"):
            rocauc(y, torch.rand(3, 2))
    with pytest.raises(ValueError, match="no label column has both classes"):
        rocauc(torch.zeros(0), torch.zeros(0))


def test_lookup():
    assert {name: metric.maximize for name, metric in METRICS.items()} == {
        "accuracy": True,
        "rocauc": True,
        "average_precision": True,
        "mae": False,
        "mse": False,
        "rmse": False,
        "sse": False,
    }
    own = get_metric(pairs, maximize=True)
    assert (own.name, own.function, own.maximize) == ("pairs", pairs, True)
    with pytest.raises(ValueError, match="maximize must be given"):
        get_metric(pairs)
    with pytest.raises(ValueError, match="metric 'mae' has maximize=False, got True"):
        get_metric("mae", maximize=True)
    with pytest.raises(ValueError, match="metric 'pairs' has maximize=True, got False"):
        get_metric(own, maximize=False)
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        get_metric("acuracy")
    with pytest.raises(TypeError, match="a name or a function, got int"):
        get_metric(3)
