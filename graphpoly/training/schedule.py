"""Schedules of learning rates that papers have, as settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from graphpoly.settings import Settings, bounded
from graphpoly.training.config import MONITORS

__all__ = ["SCHEDULES", "Schedule"]

SCHEDULES = ("step", "plateau", "cosine")
_LEAST_SHARE = 1e-6  # of the learning rates, in the first epoch of a warm-up


@dataclass(frozen=True, kw_only=True)
class Schedule(Settings):
    """How learning rates go with the epochs; the default leaves them as they are.

    A plateau is more than ``decay_epochs`` epochs in a row whose validation value is not better
    than the best one by a ten-thousandth of it, as in PyTorch's ``ReduceLROnPlateau``. A cosine
    rises in a line for ``warm_up_epochs`` and reaches zero at the end of the run.

    Attributes:
        schedule: step lowers learning rates every decay_epochs epochs, plateau where the validation
            value rests, cosine along one to zero.
        plateau: Of which validation value, the loss or the metric.
        decay: Factor of the learning rates at each step or plateau.
        decay_epochs: Length of a step, or the patience of a plateau.
        warm_up_epochs: Length of the rise before a cosine.
        least_lr: The run ends once no learning rate is above this.
    """

    schedule: str = bounded("step", choices=SCHEDULES)
    plateau: str = bounded("loss", choices=MONITORS)
    decay: float = bounded(1.0, low=1e-3, high=1)
    decay_epochs: int = bounded(20, low=1)
    warm_up_epochs: int = bounded(0, low=0)
    least_lr: float | None = bounded(None, low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "cosine" and self.decay < 1:
            raise ValueError(f"decay: got {self.decay}, but schedule=cosine has none; give decay=1")
        if self.schedule == "plateau" and self.decay == 1:
            raise ValueError("decay: got 1, but schedule=plateau needs less, such as decay=0.5")
        if self.schedule != "cosine" and self.warm_up_epochs:
            raise ValueError(
                f"warm_up_epochs: got {self.warm_up_epochs}, but schedule={self.schedule} has none"
            )
        if self.schedule != "plateau" and self.plateau != "loss":
            raise ValueError(
                f"plateau: got {self.plateau!r}, but schedule={self.schedule} has none"
            )
        if self.constant and self.least_lr is not None:
            raise ValueError(f"least_lr: got {self.least_lr}, but learning rates are constant")

    @property
    def constant(self) -> bool:
        """Whether learning rates stay as they are."""
        return self.schedule == "step" and self.decay == 1

    def rates(self) -> dict[str, Any]:
        """Return what decides them, as plain values."""
        if self.schedule == "cosine":
            return {"schedule": self.schedule, "warm_up_epochs": self.warm_up_epochs}
        steps = {"decay_epochs": self.decay_epochs, "decay_factor": self.decay}
        if self.schedule == "step":
            return steps
        return {"schedule": self.schedule, "plateau": self.plateau, **steps}

    def of(self, optimizer: Optimizer, epochs: int, *, maximize: bool = False) -> LRScheduler:
        """Return the schedule of an optimiser, which is to take a step an epoch.

        Args:
            optimizer: Of the run.
            epochs: Length of the run.
            maximize: Whether the larger of two metrics is the better one.
        """
        if self.schedule == "step":
            return StepLR(optimizer, self.decay_epochs, self.decay)
        if self.schedule == "plateau":
            rises = maximize and self.plateau == "metric"
            return ReduceLROnPlateau(
                optimizer, "max" if rises else "min", self.decay, self.decay_epochs
            )
        rise = self.warm_up_epochs

        def share(epoch: int) -> float:
            if epoch < rise:
                return max(_LEAST_SHARE, epoch / rise)
            passed = (epoch - rise) / max(1, epochs - rise)
            return 0.5 * (1 + math.cos(math.pi * passed))

        return LambdaLR(optimizer, share)
