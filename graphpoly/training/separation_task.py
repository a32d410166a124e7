"""Which graphs a network tells apart as it is, with no training at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch_geometric.data import Data

from graphpoly.loader.cpu_batches import CPULoader
from graphpoly.training.config import SPLITS
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.tasks import Forward

__all__ = ["SeparationTask"]


class SeparationTask:
    """The share of pairs of graphs that a network tells apart; training does nothing.

    Args:
        graphs: With ``x``; they are read in the precision of the network.
        threshold: Least distance of embeddings of graphs that are told apart.
        batch_size: Graphs at a time.
        forward: ``f(model, batch) -> output`` with one row a graph.
    """

    metric, maximize = "separated", True

    def __init__(
        self, graphs: Sequence[Data], forward: Forward, *, threshold: float, batch_size: int
    ) -> None:
        self.graphs = graphs
        self.threshold = threshold
        self.batch_size = batch_size
        self._forward = forward

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Do nothing."""
        return 0.0

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Return the share, the same for each of ``splits``."""
        model.eval()
        weight = next(model.parameters())
        rows = []
        for batch in CPULoader(self.graphs, batch_size=self.batch_size):
            batch = batch.to(weight.device)
            batch.x = batch.x.to(weight.dtype)
            rows.append(self._forward(model, batch).cpu())
        distance = torch.pdist(torch.cat(rows))
        share = float((distance >= self.threshold).double().mean())
        return {**dict.fromkeys(splits, share), "val_loss": 1 - share}

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        return {
            "kind": "separation",
            "graphs": len(self.graphs),
            "threshold": self.threshold,
            "data": fingerprint(list(self.graphs)),
        }
