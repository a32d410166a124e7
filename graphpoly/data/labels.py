"""What labels are: classes, or numbers."""

from __future__ import annotations

from torch import Tensor

__all__ = ["are_classes", "doubt_about"]


def are_classes(y: Tensor) -> bool:
    """Whether labels are classes, as their type says: integers in one column are.

    Floating-point numbers are numbers, whole or not, and several columns labels of their own.

    >>> import torch
    >>> are_classes(torch.tensor([0, 1])), are_classes(torch.tensor([0.0, 1.0]))
    (True, False)
    """
    return not y.is_floating_point() and (y.dim() < 2 or y.shape[1:] == (1,))


def doubt_about(y: Tensor) -> str | None:
    """Say how labels are read that may be meant as classes: whole numbers, but floats."""
    y = y.view(-1) if y.dim() == 2 and y.size(1) == 1 else y
    if y.dim() > 1 or not y.is_floating_point():
        return None
    known = y[~y.isnan()]
    whole = bool((known == known.round()).all()) and bool((known >= 0).all())
    fits = bool((known < len(known)).all())  # as many classes as labels at most
    said = "whole numbers as floats are read as a regression, integers as classes"
    return said if whole and fits else None
