"""Support vector machines on a kernel that was computed once, over folds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphpoly.data import GraphFold

__all__ = ["FoldScores", "svm_folds"]

_C = tuple(10.0**exponent for exponent in range(-2, 5))


@dataclass(frozen=True)
class FoldScores:
    """What :func:`svm_folds` gives, a value for each fold.

    Attributes:
        test: Shares of the test graphs that were told right.
        C: Penalties that were chosen.
    """

    test: tuple[float, ...]
    C: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the test scores."""
        return statistics.fmean(self.test)

    @property
    def std(self) -> float:
        """Their standard deviation, with one degree of freedom less; NaN of one fold."""
        return statistics.stdev(self.test) if len(self.test) > 1 else math.nan


def svm_folds(
    kernel: Tensor, y: Tensor, folds: Sequence[GraphFold], *, C: Sequence[float] = _C
) -> FoldScores:
    """Classify graphs by a support vector machine in each fold.

    In each fold C is chosen by the validation graphs (the smallest of the best); the machine is
    then fitted on training and validation graphs together and tested once. The kernel is divided by
    the mean of its diagonal first, so that C means the same for every kernel.

    Args:
        kernel: Between all graphs, ``[G, G]``.
        y: Class of each graph, ``[G]``.
        folds: Such as :func:`~graphpoly.data.stratified_folds` or
            :func:`~graphpoly.data.published_folds` give.
        C: Penalties to choose from.

    Raises:
        ValueError: If the shapes do not fit or there is nothing to choose from.
        ImportError: If scikit-learn is missing; the message names the extra.

    >>> from graphpoly.data import stratified_folds
    >>> y = torch.arange(20) % 2
    >>> svm_folds((y[:, None] == y).double(), y, stratified_folds(y, 5)).mean
    1.0
    """
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise ImportError(
            "svm_folds needs scikit-learn: pip install 'graphpoly[kernels]'"
        ) from error
    if kernel.dim() != 2 or not kernel.size(0) == kernel.size(1) == y.numel():
        raise ValueError(f"kernel: got shape {tuple(kernel.shape)} for {y.numel()} graphs")
    if not C or not folds:
        raise ValueError("C, folds: got none, at least one is needed")
    scale = float(kernel.diagonal().mean())
    values, classes = (kernel / scale if scale > 0 else kernel).numpy(), y.flatten().numpy()

    def score(penalty: float, fitted: Tensor, asked: Tensor) -> float:
        rows, columns = asked.numpy(), fitted.numpy()
        machine = SVC(kernel="precomputed", C=penalty)
        machine.fit(values[columns][:, columns], classes[columns])
        return float(machine.score(values[rows][:, columns], classes[rows]))

    test, chosen = [], []
    for fold in folds:
        best = max(sorted(C), key=lambda penalty: score(penalty, fold.train, fold.val))
        chosen.append(best)
        test.append(score(best, torch.cat([fold.train, fold.val]), fold.test))
    return FoldScores(tuple(test), tuple(chosen))
