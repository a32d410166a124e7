"""Training in two stages: warm up one part of a model, go back to its best epoch, switch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from graphpoly.training.config import SPLITS
from graphpoly.training.tasks import Task

__all__ = ["WarmUp"]


class WarmUp:
    """A task whose model is switched after so many epochs.

    Before the switch the weights and the optimiser's state of the epoch with the best validation
    metric come back, as they do in the published training of Polynormer; learning rates, whose
    schedule is of all epochs, do not. What a model has to remember of its switch belongs in its
    state, so that the best weights of a run bring it along.

    Args:
        task: What is trained in both stages.
        epochs: Length of the first stage.
        switch: Turns the model over to the second stage.
    """

    def __init__(self, task: Task, epochs: int, switch: Callable[[nn.Module], None]) -> None:
        if epochs < 0:
            raise ValueError(f"epochs: got {epochs}, expected at least 0")
        self.task = task
        self.metric, self.maximize = task.metric, task.maximize
        self.parallel = getattr(task, "parallel", False)
        self.epochs = epochs
        self._switch = switch
        self._epoch = 0
        self._best_value = math.nan
        self._best: dict[str, Any] = {}
        self._optimizer: Optimizer | None = None

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Switch where it is time, then train for one epoch."""
        if self._epoch == self.epochs:
            if self._best:
                model.load_state_dict(self._best["model"])
                rates = [group["lr"] for group in optimizer.param_groups]
                optimizer.load_state_dict(self._best["optimizer"])
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate
                self._best = {}
            self._switch(model)
        self._epoch += 1
        self._optimizer = optimizer
        return self.task.train_epoch(model, optimizer)

    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Score the model, and keep it if it is the best of the first stage."""
        scores = self.task.evaluate(model, splits)
        if self._optimizer is not None and self._epoch <= self.epochs and "val" in scores:
            self._compare(float(scores["val"]), model, self._optimizer)
            self._optimizer = None  # a later evaluation belongs to no epoch
        return scores

    def _compare(self, value: float, model: nn.Module, optimizer: Optimizer) -> None:
        if not math.isfinite(value):
            return
        if self._best:
            better = value > self._best_value if self.maximize else value < self._best_value
            if not better:
                return
        self._best_value = value
        self._best = copy.deepcopy(
            {"model": dict(model.state_dict()), "optimizer": optimizer.state_dict()}
        )

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        inner = self.task.describe() if hasattr(self.task, "describe") else {}
        return {**inner, "warm_up": self.epochs}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        inner = self.task.state_dict() if hasattr(self.task, "state_dict") else {}
        return {
            "epoch": self._epoch,
            "best_value": self._best_value,
            "best": self._best,
            "task": inner,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._epoch, self._best_value = state["epoch"], state["best_value"]
        self._best = state["best"]
        if hasattr(self.task, "load_state_dict"):
            self.task.load_state_dict(state["task"])
