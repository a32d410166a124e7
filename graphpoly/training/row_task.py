"""Mini-batches of nodes that need no neighbours: everything the graph says is in their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.distributed import (
    backward,
    gather_rows,
    is_divided,
    joint_batch_norm,
    share,
    stretch,
)
from graphpoly.training.config import SPLITS
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.losses import count_terms, get_loss
from graphpoly.training.metrics import Metric, MetricFunction, get_metric
from graphpoly.training.tasks import check_splits, node_mask, score

__all__ = ["RowTask"]


class RowTask:
    """Mini-batch training on rows that were computed from the graph beforehand.

    The rows stay where they are, such as in a memory-mapped file's tensor; only those of a batch
    go to the device. The training rows are shuffled by a generator of the task's own, which is part
    of each checkpoint. Several processes each take a share of the rows of every step, and of the
    batches of an evaluation.

    Args:
        rows: ``[N, ...]``: what was precomputed for each node.
        y: Labels ``[N]`` or ``[N, T]``.
        split: As for :class:`~graphpoly.training.NodeTask`.
        batch_size: Nodes a step.
        metric, maximize, loss: As for :class:`~graphpoly.training.NodeTask`.
        forward: ``f(model, rows) -> output``; the default calls ``model(rows)``.
        device: Where each batch goes; the caller moves the model.
        seed: Seed of the shuffling.

    Raises:
        ValueError: If the rows and labels differ in number, or ``batch_size`` is below 1.
    """

    parallel = True

    def __init__(
        self,
        rows: Tensor,
        y: Tensor,
        split: Any,
        *,
        batch_size: int,
        metric: str | Metric | MetricFunction = "accuracy",
        maximize: bool | None = None,
        loss: str = "ce",
        forward: Callable[[nn.Module, Tensor], Tensor] | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
    ) -> None:
        if rows.size(0) != y.size(0):
            raise ValueError(f"rows: got {rows.size(0)}, expected one for each of {y.size(0)}")
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}, expected at least 1")
        self._metric = get_metric(metric, maximize=maximize)
        self.metric, self.maximize = self._metric.name, self._metric.maximize
        self.loss, self.batch_size, self.seed = loss, batch_size, seed
        self._loss = get_loss(loss)
        self._forward = forward
        self._rows, self._y, self._device = rows, y, device
        self.split = split
        masks = {name: node_mask(split, name, y.size(0)) for name in SPLITS}
        self._index = {name: mask.cpu().nonzero().view(-1) for name, mask in masks.items()}
        self._generator = torch.Generator().manual_seed(seed)

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; the mean is over nodes."""
        model.train()
        index = self._index["train"]
        order = index[torch.randperm(index.numel(), generator=self._generator, device="cpu")]
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        for chosen in order.split(self.batch_size):
            optimizer.zero_grad()
            with joint_batch_norm(is_divided(chosen.numel())):
                output, y = self._apply(model, share(chosen))
                loss = self._loss(output, y)
            loss = backward(loss, count_terms(y), model)
            optimizer.step()
            total = total.to(loss.device) + loss.double() * chosen.numel()
        return float(total) / index.numel()

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`."""
        check_splits(splits)
        model.eval()
        scores = {}
        for name in splits:
            batches = self._index[name].split(self.batch_size)
            parts = [self._apply(model, batches[place]) for place in stretch(len(batches))]
            output = gather_rows([out.cpu() for out, _ in parts])
            y = gather_rows([label.cpu() for _, label in parts])
            scores[name] = score(self._metric, y, output)
            if name == "val":
                scores["val_loss"] = float(self._loss(output, y))
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: metric, loss, batches, split and a hash of the data."""
        named = ("name", "index", "hash")
        return {
            "kind": "rows",
            "metric": self.metric,
            "loss": self.loss,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "split": {key: getattr(self.split, key) for key in named if hasattr(self.split, key)},
            "sizes": {name: index.numel() for name, index in self._index.items()},
            "data": fingerprint(self._rows, self._y, self._index),
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the shuffling."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue the shuffling from a state."""
        self._generator.set_state(state["generator"])

    def _apply(self, model: nn.Module, chosen: Tensor) -> tuple[Tensor, Tensor]:
        rows, y = self._rows[chosen], self._y[chosen]
        if self._device is not None:
            rows, y = rows.to(self._device), y.to(self._device)
        out: Tensor = model(rows) if self._forward is None else self._forward(model, rows)
        return out, y
