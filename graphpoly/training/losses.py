"""Losses by name; a label that is NaN is missing and counts for nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["LOSSES", "count_terms", "get_loss"]

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy of logits ``[N, C]`` against class indices ``[N]`` or ``[N, 1]``.

    Log-probabilities serve as well as logits: normalising them once more changes nothing.
    """
    if output.dim() != 2 or output.size(0) != target.numel():
        raise _misfit(output, target)
    return F.cross_entropy(output, target.reshape(-1).long())


def binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross entropy of logits over the labels that are there."""
    output, target = _labelled(output, target)
    return F.binary_cross_entropy_with_logits(output, target, reduction="sum") / _count(target)


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error over the labels that are there."""
    output, target = _labelled(output, target)
    return F.l1_loss(output, target, reduction="sum") / _count(target)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the labels that are there."""
    output, target = _labelled(output, target)
    return F.mse_loss(output, target, reduction="sum") / _count(target)


def _labelled(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    # [N, 1] against [N] would broadcast to [N, N] without a word.
    if output.numel() != target.numel():
        raise _misfit(output, target)
    output, target = output.reshape(-1), target.reshape(-1).to(output.dtype)
    there = ~target.isnan()
    return output[there], target[there]


def _misfit(output: Tensor, target: Tensor) -> ValueError:
    return ValueError(
        f"output of shape {tuple(output.shape)} does not fit labels of {tuple(target.shape)}"
    )


def count_terms(target: Tensor) -> Tensor:
    """Return the number of labels that are there, over which a loss is a mean.

    >>> import torch
    >>> int(count_terms(torch.tensor([[0.0, float("nan")], [1.0, 1.0]])))
    3
    """
    return (~target.isnan()).sum()


def _count(target: Tensor) -> int:
    # A batch without any label has loss 0 and a zero gradient.
    return max(target.numel(), 1)


LOSSES: dict[str, Loss] = {
    "ce": cross_entropy,
    "bce": binary_cross_entropy,
    "l1": absolute_error,
    "mse": squared_error,
}
_OF_TORCH = {
    "cross_entropy": "ce",
    "binary_cross_entropy_with_logits": "bce",
    "l1_loss": "l1",
    "mse_loss": "mse",
}


def get_loss(name: str) -> Loss:
    """Look a loss up by name; that of PyTorch's function is understood, too.

    Raises:
        ValueError: If there is no such loss; the message names the nearest one.

    >>> get_loss("cross_entropy") is get_loss("ce")
    True
    """
    name = _OF_TORCH.get(name, name)
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
