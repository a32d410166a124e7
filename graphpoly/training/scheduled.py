"""Learning rates that follow a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from graphpoly.training.config import SPLITS
from graphpoly.training.tasks import Task

__all__ = ["Scheduled"]


class Scheduled:
    """A task whose learning rates follow one of PyTorch's schedules, a step an epoch.

    A resumed run goes on where the schedule was.

    Args:
        task: What is trained.
        make: From the optimiser to its schedule, such as ``lambda o: StepLR(o, 50, 0.5)``.
            ``ReduceLROnPlateau`` is shown a score.
        watched: Which one, such as ``"val_loss"`` or ``"val"``, the metric.
        least_lr: The run ends once no learning rate is above this; None for never.
        described: Plain values that identify the schedule. A resumed run must share them.

    Example:
        >>> import torch
        >>> from torch.optim.lr_scheduler import ExponentialLR
        >>> class Fixed:  # a task that needs no data
        ...     metric, maximize = "score", True
        ...     def train_epoch(self, model, optimizer):
        ...         optimizer.step()
        ...         return 0.0
        ...     def evaluate(self, model, splits=("train", "val", "test")):
        ...         return {**{name: 0.5 for name in splits}, "val_loss": 1.0}
        >>> model = nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> task = Scheduled(Fixed(), lambda o: ExponentialLR(o, 0.5), least_lr=0.2)
        >>> from graphpoly.training import TrainConfig, fit
        >>> fit(model, task, optimizer, TrainConfig(epochs=20)).epochs  # 1, then 0.5, then 0.25
        3
    """

    def __init__(
        self,
        task: Task,
        make: Callable[[Optimizer], LRScheduler],
        *,
        watched: str = "val_loss",
        least_lr: float | None = None,
        described: Mapping[str, Any] | None = None,
    ) -> None:
        self.task = task
        self.metric, self.maximize = task.metric, task.maximize
        self.parallel = getattr(task, "parallel", False)
        self.watched = watched
        self.least_lr = least_lr
        self._make = make
        self._described = dict(described or {})
        self._schedule: LRScheduler | None = None
        self._state: dict[str, Any] = {}  # of a schedule that is still to be made
        self._due = False

    @property
    def finished(self) -> bool:
        """Whether the learning rates, or the task itself, end the run."""
        fallen = False
        if self.least_lr is not None and self._schedule is not None:
            groups = self._schedule.optimizer.param_groups
            fallen = all(group["lr"] <= self.least_lr for group in groups)
        return fallen or bool(getattr(self.task, "finished", False))

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Train for one epoch, the first at the rates with which the schedule begins."""
        if self._schedule is None:
            self._begin(optimizer)
        self._due = True
        return self.task.train_epoch(model, optimizer)

    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Score the model, and take a step of the schedule if an epoch has passed."""
        scores = self.task.evaluate(model, splits)
        if self._due and self._schedule is not None:
            if isinstance(self._schedule, ReduceLROnPlateau):
                self._schedule.step(scores[self.watched])
            else:
                self._schedule.step()
        self._due = False  # a later evaluation belongs to no epoch
        return scores

    def _begin(self, optimizer: Optimizer) -> None:
        groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        self._schedule = self._make(optimizer)
        if self._state:  # rates came back with the optimiser, and its beginning is long ago
            self._schedule.load_state_dict(self._state)
            for group, was in zip(optimizer.param_groups, groups, strict=True):
                group.update(was)
            self._state = {}

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        inner = self.task.describe() if hasattr(self.task, "describe") else {}
        least = {} if self.least_lr is None else {"least_lr": self.least_lr}
        return {**inner, **self._described, **least}

    def report(self) -> dict[str, Any]:
        """Return what the task says of its run."""
        return self.task.report() if hasattr(self.task, "report") else {}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs; the rates themselves are the optimiser's."""
        inner = self.task.state_dict() if hasattr(self.task, "state_dict") else {}
        schedule = self._state if self._schedule is None else self._schedule.state_dict()
        return {"schedule": schedule, "task": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._state, self._schedule = state["schedule"], None
        if hasattr(self.task, "load_state_dict"):
            self.task.load_state_dict(state["task"])
