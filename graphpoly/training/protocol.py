"""How a model is trained, chosen and measured, as settings."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.settings import bounded
from graphpoly.training.config import MONITORS, STOPPINGS, TIES
from graphpoly.training.link_task import NEGATIVES
from graphpoly.training.schedule import Schedule

__all__ = ["Protocol"]


@dataclass(frozen=True, kw_only=True)
class Protocol(Schedule):
    """How a model is trained, chosen and measured; learning rates as a schedule says.

    Attributes:
        split: Name of the split, one of the dataset's.
        num_splits: Runs behind the number; run i has seed i, and split i where there are several.
        epochs: At most this many.
        patience: Epochs without a better validation value before it stops; none for never.
        stopping: best counts patience from the best epoch; mean stops once the validation loss is
            above the mean of the last patience ones.
        monitor: What chooses the epoch, the validation metric or the loss.
        ties: Which of equal epochs is kept.
        first_epoch: Earlier epochs are never chosen.
        batch_size: Graphs, links or rows a step; none for what the task takes, and the one value
            where it takes a whole graph.
        remove_targets: Take the links of a step out of the graph that messages run over.
        negatives: What a step draws for its links that are none: pairs of nodes, or a target for
            the source of each link.
        grad_clip: Largest norm of the whole gradient at each step.
        watch_train: Score the training part after each epoch, too.
    """

    split: str = ""
    num_splits: int = bounded(10, low=1)
    epochs: int = bounded(1000, low=1)
    patience: int | None = bounded(200, low=1)
    stopping: str = bounded("best", choices=STOPPINGS)
    monitor: str = bounded("metric", choices=MONITORS)
    ties: str = bounded("first", choices=TIES)
    first_epoch: int = bounded(1, low=1)
    batch_size: int | None = bounded(None, low=1)
    remove_targets: bool = True
    negatives: str = bounded("pairs", choices=NEGATIVES)
    grad_clip: float | None = bounded(None, low=1e-6)
    watch_train: bool = True
