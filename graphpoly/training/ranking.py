"""Metrics of link prediction, with the rules of ties of OGB's evaluator."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.training.metrics import average_precision, rocauc

__all__ = ["LINK_METRICS", "hits", "link_score", "mrr"]

LINK_METRICS = ("auc", "ap", "mrr", "hits@1", "hits@3", "hits@10", "hits@20", "hits@50", "hits@100")


def hits(positive: Tensor, negative: Tensor, K: int) -> float:
    """Return the share of links that score above the K-th best non-link.

    Args:
        positive: Scores of links, ``[P]``.
        negative: Scores of non-links, ``[M]``, the same for all links.
        K: Rank; with fewer than K non-links every link is a hit, as in OGB's evaluator.

    Returns:
        NaN where a score is NaN.

    Raises:
        ValueError: If K is less than 1.

    >>> hits(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0, 0.0]), K=2)
    0.5
    """
    if K < 1:
        raise ValueError(f"K: got {K}, expected at least 1")
    if _has_nan(positive, negative):
        return math.nan
    if negative.numel() < K:
        return 1.0
    bound = torch.topk(negative, K).values[-1]
    return float((positive > bound).double().mean())


def mrr(positive: Tensor, negative: Tensor) -> float:
    """Return the mean reciprocal rank of each link among its non-links.

    Args:
        positive: Scores of links, ``[P]``.
        negative: Scores of non-links: ``[P, M]``, some for each link, or ``[M]`` for all.

    A tie is worth the mean of the best and the worst rank that it could have, as in OGB's
    evaluator.

    Returns:
        NaN where a score is NaN.

    Raises:
        ValueError: If non-links are not as many rows as there are links.

    >>> mrr(torch.tensor([1.0]), torch.tensor([[1.0, 0.0]]))
    0.6666666666666666
    """
    positive = positive.reshape(-1)
    count = positive.numel()
    if negative.dim() not in (1, 2) or (negative.dim() == 2 and negative.size(0) != count):
        raise ValueError(f"negative: got {list(negative.shape)}, expected [M] or [{count}, M]")
    if _has_nan(positive, negative):
        return math.nan
    if negative.dim() == 1:  # sorted once, ranks by bisection: no [P, M]
        order = negative.sort().values
        above = order.numel() - torch.searchsorted(order, positive, right=True)
        not_below = order.numel() - torch.searchsorted(order, positive, right=False)
    else:
        above = (negative > positive.unsqueeze(1)).sum(1)
        not_below = (negative >= positive.unsqueeze(1)).sum(1)
    rank = 0.5 * (above + not_below) + 1
    return float((1 / rank.double()).mean())


def link_score(metric: str, positive: Tensor, negative: Tensor) -> float:
    """Return one of :data:`LINK_METRICS`, or ``"hits@K"`` for any K.

    Args:
        metric: Name.
        positive: Scores of links, ``[P]``.
        negative: Scores of non-links, ``[M]`` or, for ``"mrr"``, ``[P, M]``.

    Returns:
        NaN where a score is NaN.

    Raises:
        ValueError: If there is no such metric; the message names the nearest one.
    """
    name, _, rank = metric.partition("@")
    if name == "hits" and rank.isdecimal() and int(rank) > 0:
        return hits(positive, negative.reshape(-1), int(rank))
    if metric == "mrr":
        return mrr(positive, negative)
    if metric not in ("auc", "ap"):
        raise unknown("metric", metric, LINK_METRICS)
    if _has_nan(positive, negative):
        return math.nan
    positive, negative = positive.reshape(-1), negative.reshape(-1)
    truth = torch.cat([torch.ones_like(positive), torch.zeros_like(negative)])
    function = rocauc if metric == "auc" else average_precision
    return function(truth, torch.cat([positive, negative]))


def _has_nan(positive: Tensor, negative: Tensor) -> bool:
    # No comparison with NaN is true: the rank would be the best, and look like a result.
    return bool(positive.isnan().any() | negative.isnan().any())
