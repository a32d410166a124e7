"""Metrics on tensors; whatever else is callable serves as well.

A metric is ``f(y_true, y_pred) -> float``, where ``y_pred`` is the raw output of the model. Where
there is no label, accuracy and errors are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["METRICS", "Metric", "MetricFunction", "accuracy", "average_precision", "get_metric"]
__all__ += ["is_share", "mae", "maximizes", "mse", "official", "rmse", "rocauc", "sse"]

_SHARES = ("accuracy", "auc", "ap", "mrr", "rocauc", "average_precision")

MetricFunction = Callable[[Tensor, Tensor], float]


class Metric(NamedTuple):
    """A named metric and its direction."""

    name: str
    function: MetricFunction
    maximize: bool


def accuracy(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the share of right predictions.

    Args:
        y_true: Class indices ``[N]`` or ``[N, 1]``.
        y_pred: Scores ``[N, C]``, or class indices ``[N]``. A single column of scores ``[N, 1]``
            is a logit of class 1.

    Returns:
        NaN where a score of a row with a label is NaN; rows whose label is NaN are left out.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([0, 1, 1]), torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]))
        0.6666666666666666
    """
    truth = y_true.reshape(-1)
    if y_pred.dim() == 2 and y_pred.size(1) > 1:
        guess = y_pred.argmax(dim=1)
    elif y_pred.is_floating_point():
        guess = (y_pred.reshape(-1) > 0).long()
    else:
        guess = y_pred.reshape(-1)
    if guess.numel() != truth.numel():
        raise ValueError(f"{guess.numel()} predictions for {truth.numel()} labels")
    labelled = ~truth.isnan()
    count = int(labelled.sum())
    # the largest of scores that are NaN would be the first class
    if count == 0 or bool(y_pred.reshape(len(truth), -1)[labelled].isnan().any()):
        return math.nan
    return int((guess == truth)[labelled].sum()) / count


def rocauc(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the area under the ROC curve, averaged over the label columns that have both classes.

    Args:
        y_true: Binary labels ``[N]`` or ``[N, T]``; NaN marks a missing label.
        y_pred: Scores of the same shape, or ``[N, 2]`` class scores for a single column.

    Returns:
        NaN where a score is NaN whose label is not.

    Raises:
        ValueError: If no column has both classes, or a label is neither of them.

    Example:
        >>> import torch
        >>> rocauc(torch.tensor([0, 0, 1, 1]), torch.tensor([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    from sklearn.metrics import roc_auc_score

    return _mean_over_columns(roc_auc_score, y_true, y_pred)


def average_precision(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the average precision, with the arguments and the averaging of :func:`rocauc`."""
    from sklearn.metrics import average_precision_score

    return _mean_over_columns(average_precision_score, y_true, y_pred)


def mae(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the mean absolute error over all labels that are not NaN.

    Example:
        >>> import torch
        >>> mae(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 2.0]))
        0.25
    """
    return float(_errors(y_true, y_pred).abs().mean())


def mse(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the mean squared error over all labels that are not NaN."""
    return float(_errors(y_true, y_pred).square().mean())


def rmse(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the root of the mean squared error over all labels that are not NaN."""
    return float(_errors(y_true, y_pred).square().mean().sqrt())


def sse(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the sum of squared errors over all labels that are not NaN."""
    errors = _errors(y_true, y_pred)
    return float(errors.square().sum()) if errors.numel() else math.nan


def _errors(y_true: Tensor, y_pred: Tensor) -> Tensor:
    sizes = [[size for size in part.shape if size != 1] for part in (y_true, y_pred)]
    apart = min(map(len, sizes)) > 1 and sizes[0] != sizes[1]  # not one of them flat
    if apart or y_true.numel() != y_pred.numel():
        raise ValueError(
            f"y_pred of shape {tuple(y_pred.shape)} does not fit y_true of {tuple(y_true.shape)}"
        )
    error = y_pred.reshape(-1).double() - y_true.reshape(-1).double()
    return error[~y_true.reshape(-1).isnan()]


def _mean_over_columns(score: Callable[..., float], y_true: Tensor, y_pred: Tensor) -> float:
    truth, guess = (
        (y.unsqueeze(1) if y.dim() == 1 else y.flatten(1)).double() for y in (y_true, y_pred)
    )
    if truth.size(1) == 1 and guess.size(1) == 2:
        # The difference of two logits orders the rows as the probability of class 1 does.
        guess = guess[:, 1:] - guess[:, :1]
    if truth.shape != guess.shape:
        raise ValueError(
            f"y_pred of shape {tuple(y_pred.shape)} does not fit y_true of {tuple(y_true.shape)}"
        )
    known = ~truth.isnan()
    if bool(guess[known].isnan().any()):
        return math.nan
    strange = truth[known & (truth != 0) & (truth != 1)]
    if strange.numel():
        raise ValueError(f"y_true: got {strange[0]:g}, expected 0, 1 or NaN")
    values = []
    for column in range(truth.size(1)):
        labelled = known[:, column]
        labels = truth[labelled, column]
        if bool((labels == 0).any()) and bool((labels == 1).any()):
            values.append(float(score(labels.numpy(), guess[labelled, column].numpy())))
    if not values:
        raise ValueError("no label column has both classes 0 and 1")
    return sum(values) / len(values)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy, True),
        Metric("rocauc", rocauc, True),
        Metric("average_precision", average_precision, True),
        Metric("mae", mae, False),
        Metric("mse", mse, False),
        Metric("rmse", rmse, False),
        Metric("sse", sse, False),
    )
}


def get_metric(metric: str | Metric | MetricFunction, *, maximize: bool | None = None) -> Metric:
    """Look a metric up by name, or wrap a function.

    Args:
        metric: Name in :data:`METRICS`, ``f(y_true, y_pred) -> float``, or both in one.
        maximize: Whether larger is better; required for a function, known for a name.

    Example:
        >>> get_metric("mae").maximize
        False
    """
    if isinstance(metric, str):
        if metric not in METRICS:
            raise unknown("metric", metric, METRICS)
        metric = METRICS[metric]
    if isinstance(metric, Metric):
        if maximize is not None and maximize != metric.maximize:
            raise ValueError(
                f"metric {metric.name!r} has maximize={metric.maximize}, got {maximize}"
            )
        return metric
    if not callable(metric):
        raise TypeError(f"metric must be a name or a function, got {type(metric).__name__}")
    if maximize is None:
        raise ValueError("maximize must be given when metric is a function")
    return Metric(getattr(metric, "__name__", "metric"), metric, maximize)


def official(metric: str, function: MetricFunction | None) -> str | Metric:
    """Return a metric as somebody else computes it, under the name and with the direction of ours.

    Args:
        metric: Name in :data:`METRICS`, or of a metric of links, of which more is better.
        function: What computes it, or None for ours.
    """
    if function is None:
        return metric
    return Metric(metric, function, maximizes(metric))


def maximizes(metric: str) -> bool:
    """Return whether more is better; it is of all that are not in :data:`METRICS`."""
    return METRICS[metric].maximize if metric in METRICS else True


def is_share(metric: str) -> bool:
    """Return whether a metric lies between 0 and 1 and is shown in per cent.

    >>> is_share("accuracy"), is_share("hits@20"), is_share("mae")
    (True, True, False)
    """
    return metric in _SHARES or metric.startswith("hits@")
