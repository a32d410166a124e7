"""Scores from OGB's own evaluators, as functions of labels and outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from torch import Tensor

from graphpoly.data.ogb import ogb_evaluator

__all__ = ["ogb_score"]

_evaluator = cache(ogb_evaluator)


def ogb_score(name: str) -> Callable[[Tensor, Tensor], float]:
    """Return what OGB's ``Evaluator`` of a dataset says, as a function.

    ogb is imported when it is called.

    Args:
        name: Of the dataset.

    Returns:
        For nodes and graphs a function of the labels ``[N]`` or ``[N, T]`` and the raw outputs
        ``[N, T]``, or scores of classes ``[N, C]`` where accuracy is measured; for links one of the
        scores of links ``[P]`` and of non-links ``[M]`` or ``[P, M]``. It raises a ``ValueError``
        where the evaluator has no answer, such as for the area under a curve of one class.

    Example:
        >>> import torch
        >>> score = ogb_score("ogbn-arxiv")
        >>> score(torch.tensor([0, 1]), torch.tensor([[2.0, 1.0], [3.0, 0.0]]))
        0.5
    """

    def score(first: Tensor, second: Tensor) -> float:
        if _has_nan(name, first, second):
            return math.nan
        evaluator = _evaluator(name)
        metric = evaluator.eval_metric
        if name.startswith("ogbl-"):
            given = {"y_pred_pos": first, "y_pred_neg": second}
            if metric == "mrr":
                return float(evaluator.eval(given)["mrr_list"].double().mean())
            given["y_pred_neg"] = second.reshape(-1)
        else:
            guess = second.argmax(1) if metric == "acc" else second
            given = {
                "y_true": first.reshape(len(first), -1),
                "y_pred": guess.reshape(len(second), -1),
            }
        try:
            return float(evaluator.eval(given)[metric])
        except RuntimeError as error:
            raise ValueError(f"{name}: {error}") from error

    return score


def _has_nan(name: str, first: Tensor, second: Tensor) -> bool:
    if name.startswith("ogbl-"):
        return bool(first.isnan().any() | second.isnan().any())
    labelled = ~first.reshape(len(first), -1).isnan()
    return bool((second.reshape(len(second), -1).isnan() & labelled).any())
