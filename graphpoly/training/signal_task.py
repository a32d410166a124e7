"""Learning a filter from signals on one graph and what should become of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.training.config import SPLITS
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.tasks import check_splits

__all__ = ["SignalTask"]


class SignalTask:
    """Regression of signals, measured as the sum of squared errors, the mean over the signals.

    The same nodes train, validate and test: what is asked is how near a filter can come. A network
    with a method ``fit(x, edge_index, y, mask=)``, which returns the sum of squared errors of each
    signal, is solved by it in the first epoch; any other takes a step on the whole graph.

    Args:
        data: ``x`` ``[N, C]``, ``edge_index``, ``y`` ``[N, C]`` and ``mask`` ``[N]`` of the nodes
            that count.
        device: Where the data goes; the caller moves the model.
    """

    metric, maximize = "sse", False

    def __init__(self, data: Any, *, device: str | torch.device | None = None) -> None:
        self.data = data if device is None else data.clone().to(device)

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`."""
        model.train()
        data = self.data
        solve: Any = getattr(model, "fit", None)
        if callable(solve):
            with torch.no_grad():
                return float(solve(data.x, data.edge_index, data.y, mask=data.mask).mean())
        optimizer.zero_grad()
        loss = self._errors(model).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; all splits are one."""
        check_splits(splits)
        model.eval()
        error = float(self._errors(model).double().mean())
        return {**dict.fromkeys(splits, error), "val_loss": error}

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        return {"kind": "signals", "metric": self.metric, "data": fingerprint(self.data)}

    def _errors(self, model: nn.Module) -> Tensor:
        mask = self.data.mask
        output = model(self.data.x, self.data.edge_index)
        return (output[mask] - self.data.y[mask]).square().sum(0)
