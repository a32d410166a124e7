"""Training one layer after another, each by its own loss until it has learned enough."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.training.config import SPLITS
from graphpoly.training.forward import call_on_nodes
from graphpoly.training.tasks import NodeTask, Task

__all__ = ["LayerWise", "Layered"]


class Layered(Protocol):
    """What a network has that :class:`LayerWise` trains, such as ``models.ForwardGNN``.

    Attributes:
        depth: How many layers predict; the last one is in training. It belongs to the state, so
            that the best weights of a run bring it along.
        num_layers: How many there are.
        turns: Steps of the optimiser that are one of training.
    """

    depth: int
    num_layers: int
    turns: int

    def below(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Any:
        """Return what does not change while the layer in training is trained."""

    def losses(self, below: Any, turn: int = 0) -> list[Tensor]:
        """Return losses, of which each reaches the parameters of one layer."""

    def predict(self, below: Any) -> Tensor:
        """Return the output ``[N, C]``, that of calling the network."""


class LayerWise(NodeTask):
    """A task that trains the layers of a network one after the other.

    A layer is trained until its epochs or its patience are over; then the weights of its best epoch
    come back, and the next one begins. What the layers below give is computed once. After the last
    one the run is :attr:`finished`. The best epoch of a run may be one of any layer, and says how
    many layers predict: the depth is chosen by the validation metric.

    Args:
        task: What is learned.
        epochs: Most epochs of each layer.
        patience: Epochs of a layer without a better validation metric before it is left.
        steps: Steps of training an epoch; then the validation nodes are scored.
        clip: Largest L2 norm of the gradient in each step, or None.

    Raises:
        ValueError: If the task is not one of the nodes of a graph, has a ``forward`` of its own, or
            a number is below 1.
    """

    def __init__(
        self,
        task: Task,
        *,
        epochs: int = 500,
        patience: int = 50,
        steps: int = 2,
        clip: float | None = None,
    ) -> None:
        if not isinstance(task, NodeTask):
            raise ValueError(
                f"task: got {type(task).__name__}; layer by layer are learned classes of the nodes "
                "of one graph"
            )
        if task._forward is not call_on_nodes:
            raise ValueError(
                "task: has a forward= of its own, which training layer by layer does not call"
            )
        for name, value in (("epochs", epochs), ("patience", patience), ("steps", steps)):
            if value < 1:
                raise ValueError(f"{name}: got {value}, expected at least 1")
        super().__init__(task.data, task.split, metric=task._metric, loss=task.loss)
        self._forward = self._output
        self.epochs, self.patience, self.steps, self.clip = epochs, patience, steps, clip
        self.finished = False
        self._over = False
        self._epoch = self._best_epoch = 0
        self._best_value = math.nan
        self._best: dict[str, Tensor] = {}
        self._below: Any = None
        self._trained = False

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Go on to the next layer where it is time, then train for one epoch."""
        net: Any = model
        if self._over and not self.finished:
            if self._best:
                model.load_state_dict(self._best)
            net.depth += 1
            self._begin()
        if self._below is None:
            model.eval()
            with torch.no_grad():
                self._below = net.below(*self._graph())
        model.train()
        total = 0.0
        for _ in range(self.steps):
            for turn in range(net.turns):
                total += self._step(net, optimizer, turn)
        self._epoch += 1
        self._trained = True
        return total / self.steps

    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Score the model; after an epoch, say whether its layer has learned enough."""
        scores = super().evaluate(model, splits)
        if self._trained and "val" in scores:
            self._compare(float(scores["val"]), model)
        self._trained = False  # a later evaluation belongs to no epoch
        return scores

    def _begin(self) -> None:
        self._over = False
        self._epoch = self._best_epoch = 0
        self._best_value, self._best, self._below = math.nan, {}, None

    def _graph(self) -> tuple[Tensor, Any, Tensor | None]:
        data = self.data
        edges = data.edge_index if data.get("edge_index") is not None else data.adj_t
        return data.x, edges, data.get("edge_weight")

    def _step(self, net: Any, optimizer: Optimizer, turn: int) -> float:
        optimizer.zero_grad()
        loss = torch.stack(net.losses(self._below, turn)).sum()
        loss.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), self.clip)
        optimizer.step()
        return loss.item()

    def _output(self, model: Any, data: Any) -> Tensor:
        if self._trained:
            out: Tensor = model.predict(self._below)
            return out
        return call_on_nodes(model, data)

    def _compare(self, value: float, model: Any) -> None:
        better = value > self._best_value if self.maximize else value < self._best_value
        if math.isfinite(value) and (better or not self._best):
            self._best_epoch, self._best_value = self._epoch, value
            self._best = copy.deepcopy(dict(model.state_dict()))
        self._over = self._epoch >= self.epochs or self._epoch - self._best_epoch >= self.patience
        self.finished = self._over and model.depth == model.num_layers

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task."""
        own = {"epochs": self.epochs, "patience": self.patience}
        return {
            **super().describe(),
            "kind": "layer by layer",
            "layers": {**own, "steps": self.steps, "clip": self.clip},
        }

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "epoch": self._epoch,
            "best_epoch": self._best_epoch,
            "best_value": self._best_value,
            "best": self._best,
            "over": self._over,
            "finished": self.finished,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._begin()
        self._epoch, self._best_epoch = state["epoch"], state["best_epoch"]
        self._best_value, self._best = state["best_value"], state["best"]
        self._over, self.finished = state["over"], state["finished"]
