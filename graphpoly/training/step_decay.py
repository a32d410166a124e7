"""A learning rate that falls in steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from graphpoly.training.config import SPLITS
from graphpoly.training.tasks import Task

__all__ = ["StepDecay"]


class StepDecay:
    """A task that multiplies all learning rates by a factor every so many epochs.

    Args:
        task: What is trained.
        epochs: Length of a step, at least 1.
        factor: At most 1.
    """

    def __init__(self, task: Task, epochs: int, factor: float) -> None:
        if epochs < 1:
            raise ValueError(f"epochs: got {epochs}, expected at least 1")
        if not 0 < factor <= 1:
            raise ValueError(f"factor: got {factor}, expected more than 0 and at most 1")
        self.task = task
        self.metric, self.maximize = task.metric, task.maximize
        self.parallel = getattr(task, "parallel", False)
        self.epochs = epochs
        self.factor = factor
        self._epoch = 0

    @property
    def finished(self) -> bool:
        """Whether the task itself ends the run."""
        return bool(getattr(self.task, "finished", False))

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Lower the learning rates where it is time, then train for one epoch."""
        if self._epoch and self._epoch % self.epochs == 0:
            for group in optimizer.param_groups:
                group["lr"] *= self.factor
        self._epoch += 1
        return self.task.train_epoch(model, optimizer)

    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Score the model."""
        return self.task.evaluate(model, splits)

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        inner = self.task.describe() if hasattr(self.task, "describe") else {}
        return {**inner, "decay_epochs": self.epochs, "decay_factor": self.factor}

    def report(self) -> dict[str, Any]:
        """Return what the task says of its run."""
        return self.task.report() if hasattr(self.task, "report") else {}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs; the rates themselves are the optimiser's."""
        inner = self.task.state_dict() if hasattr(self.task, "state_dict") else {}
        return {"epoch": self._epoch, "task": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._epoch = state["epoch"]
        if hasattr(self.task, "load_state_dict"):
            self.task.load_state_dict(state["task"])
