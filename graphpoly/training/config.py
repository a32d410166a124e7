"""What a training run is told, apart from its model, data and optimiser."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphpoly.errors import unknown

__all__ = ["MONITORS", "SPLITS", "STOPPINGS", "TIES", "TrainConfig"]

SPLITS = ("train", "val", "test")
MONITORS = ("metric", "loss")
STOPPINGS = ("best", "mean")
TIES = ("first", "last")

# Fields that change what is written or shown, never the numbers; a resumed run may differ in them.
_COSMETIC = ("checkpoint_every", "checkpoint_seconds", "tensorboard")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of :func:`graphpoly.training.fit`.

    Args:
        epochs: Most epochs to train.
        patience: Stop once this many epochs have passed since the best one; ``None`` never stops.
        min_epochs: Patience stops no run before this epoch.
        stopping: ``"best"``: patience counts from the best epoch. ``"mean"``: stop as soon as the
            validation loss is above the mean of the ``patience`` losses before it, once there are
            more than that; the best epoch says nothing. This is the rule of GPR-GNN's code and of
            its followers.
        monitor: What decides the best epoch: the validation ``"metric"`` or the validation
            ``"loss"``. An epoch is better only if it is strictly better, unless ``ties`` says more.
        ties: Of epochs with equal values the ``"first"`` or the ``"last"`` is kept; the last one
            renews the patience, too.
        first_epoch: Earlier epochs are never the best.
        grad_clip: Largest L2 norm of the whole gradient at each step; ``None`` leaves it alone.
        watch: Splits that are scored after each epoch, among ``"train"``, ``"val"`` and ``"test"``;
            ``"val"`` must be among them. The final evaluation always scores all three. Watching
            ``("val",)`` alone saves the passes over a large training set.
        deterministic: Run under ``torch.use_deterministic_algorithms(True)``.
        checkpoint_every: Epochs between two checkpoints.
        checkpoint_seconds: Least seconds between two checkpoints, so that writing never dominates
            a run of short epochs; a slow disk is given twenty times what the last one took, and 0
            turns both limits off. The end of a run and an interrupt always write one.
        tensorboard: Log to TensorBoard, too, where it is installed.

    Example:
        >>> TrainConfig.from_dict({"epochs": 50, "patience": 5}).patience
        5
        >>> TrainConfig.from_dict({"epoch": 50})
        Traceback (most recent call last):
        ValueError: unknown training setting 'epoch'; did you mean 'epochs'?
    """

    epochs: int = 1000
    patience: int | None = None
    min_epochs: int = 0
    stopping: str = "best"
    monitor: str = "metric"
    ties: str = "first"
    first_epoch: int = 1
    grad_clip: float | None = None
    watch: tuple[str, ...] = SPLITS
    deterministic: bool = False
    checkpoint_every: int = 1
    checkpoint_seconds: float = 10.0
    tensorboard: bool = True

    def __post_init__(self) -> None:
        _check_integer("epochs", self.epochs, least=1)
        _check_integer("min_epochs", self.min_epochs, least=0)
        _check_integer("checkpoint_every", self.checkpoint_every, least=1)
        if self.patience is not None:
            _check_integer("patience", self.patience, least=1)
        _check_number("checkpoint_seconds", self.checkpoint_seconds, positive=False)
        if self.grad_clip is not None:
            _check_number("grad_clip", self.grad_clip, positive=True)
        for name in ("deterministic", "tensorboard"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be true or false, got {getattr(self, name)!r}")
        _check_integer("first_epoch", self.first_epoch, least=1)
        if self.first_epoch > self.epochs:
            raise ValueError(
                f"first_epoch: got {self.first_epoch}, expected at most epochs={self.epochs}"
            )
        for name, accepted in (("monitor", MONITORS), ("stopping", STOPPINGS), ("ties", TIES)):
            if getattr(self, name) not in accepted:
                raise unknown(name, getattr(self, name), accepted)
        names = self.watch.split(",") if isinstance(self.watch, str) else self.watch
        for name in names:
            if name not in SPLITS:
                raise unknown("split in watch", name, SPLITS)
        if "val" not in names:
            raise ValueError(f"watch must contain 'val', got {tuple(names)!r}")
        object.__setattr__(self, "watch", tuple(name for name in SPLITS if name in names))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from plain values, as read from YAML or a command line.

        Raises:
            ValueError: If a key is unknown (the message names the nearest one) or a value is
                outside its range.
            TypeError: If a value has the wrong type.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise unknown("training setting", key, known)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values; :meth:`from_dict` takes them back."""
        return {**dataclasses.asdict(self), "watch": list(self.watch)}

    def identity(self) -> dict[str, Any]:
        """Return the settings that a resumed run must share with the run it continues."""
        return {key: value for key, value in self.to_dict().items() if key not in _COSMETIC}


def _check_integer(name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def _check_number(name: str, value: object, *, positive: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value) or value < 0 or (positive and value == 0):
        bound = "positive" if positive else "not negative"
        raise ValueError(f"{name} must be finite and {bound}, got {value}")
