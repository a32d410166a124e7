"""Mini-batches of problems, each with the steps of an algorithm that solves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch_geometric.utils import scatter

from graphpoly.distributed import (
    backward,
    gather_rows,
    is_divided,
    joint_batch_norm,
    size,
    sum_counts,
)
from graphpoly.training.config import SPLITS
from graphpoly.training.metrics import Metric
from graphpoly.training.tasks import GraphTask, check_splits

__all__ = ["TraceTask"]

_HINT = "hint_"


class TraceTask(GraphTask):
    """Mini-batch training on the steps of an algorithm, scored by its answers.

    The loss is that of the answer and, for each hint, the mean over all states behind the start:
    cross entropy of pointers (int64) and of marks (bool), squares of numbers. The model is given
    the first state of each hint and how many steps there are, and goes on from what it said itself.

    Args:
        train: Graphs such as :func:`~graphpoly.data.algorithm_traces` draws: ``steps`` ``[1, T]``,
            hints ``hint_NAME`` ``[., T]``, and ``pointer`` ``[N]`` or a mark ``y`` ``[N]`` at one
            node. A pointer of a node is the source of an edge into it.
        val: Likewise, such as others of the sizes that are trained on.
        test: Likewise, such as larger ones.
        batch_size: Graphs a step.
        metric: ``"accuracy"``, or one with a function of two vectors of nodes, numbered within
            their graphs. Of pointers it is the share of nodes whose pointer is right, their
            micro-F1; of marks the share of graphs.
        device: As for :class:`~graphpoly.training.GraphTask`.
        seed: Seed of the shuffling.

    The model is called as ``model(x, edge_index, steps, start, edge_weight=..., batch=...,
    batch_size=...)``: see :class:`~graphpoly.models.AlgorithmNet`.
    """

    def __init__(
        self,
        train: Any,
        val: Any,
        test: Any,
        *,
        batch_size: int = 32,
        metric: str | Metric = "accuracy",
        device: str | torch.device | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            train,
            val,
            test,
            batch_size=batch_size,
            loss="ce",
            metric=metric,
            device=device,
            seed=seed,
        )

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; the mean is over graphs."""
        model.train()
        total, graphs = torch.zeros((), dtype=torch.float64, device="cpu"), self._counts()
        for count, batch in zip(graphs, self._shuffled, strict=True):
            batch = self._place(batch)
            optimizer.zero_grad()
            with joint_batch_norm(is_divided(count)):
                means, held = zip(*_parts(batch, _traced(model, batch)), strict=True)
            # shares of several processes differ in nodes and states, by which their means count
            parts = zip(means, held, sum_counts(held), strict=True)
            loss: Any = sum(mean * (size() * n / max(whole, 1)) for mean, n, whole in parts)
            loss = backward(loss, 1, model)
            optimizer.step()
            total = total.to(loss.device) + loss.double() * count
        return float(total) / sum(graphs)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`."""
        check_splits(splits)
        model.eval()
        scores = {}
        for name in splits:
            wanted, found, losses = [], [], []
            for batch in self._loaders[name]:
                batch = self._place(batch)
                traced = _traced(model, batch)
                right, guess = _answers(batch, traced)
                wanted.append(right.cpu())
                found.append(guess.cpu())
                loss: Any = sum(mean for mean, _ in _parts(batch, traced))
                losses.append(loss.double().cpu().expand(batch.num_graphs))
            scores[name] = float(self._metric.function(gather_rows(wanted), gather_rows(found)))
            if name == "val":
                scores["val_loss"] = float(gather_rows(losses).mean())
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: that of its graphs."""
        return {**super().describe(), "kind": "traces"}


def _traced(model: nn.Module, batch: Any) -> Any:
    """Call the model with what an algorithm begins with."""
    start = {key.removeprefix(_HINT): batch[key][:, 0] for key in _hints(batch)}
    return model(
        batch.x,
        batch.edge_index,
        batch.steps,
        start,
        edge_weight=batch.get("edge_weight"),
        batch=batch.batch,
        batch_size=batch.num_graphs,
    )


def _hints(batch: Any) -> list[str]:
    return [key for key in batch.to_dict() if key.startswith(_HINT)]


def _parts(batch: Any, traced: Any) -> list[tuple[Tensor, int]]:
    """Return the loss of the answer and of each hint, and of how many terms each is the mean."""
    aim = _along(batch, batch.pointer) if "pointer" in batch else batch.y.bool()
    right = traced.answer[aim]
    parts = [(-right.mean(), right.numel())]
    there = batch.steps[:, 1:]
    for key in _hints(batch):
        said, hint = traced.hints[key.removeprefix(_HINT)], batch[key][:, 1:]
        owner = there[batch.batch] if len(hint) == batch.num_nodes else there
        if not bool(owner.any()):
            parts.append((right.new_zeros(()), 0))
            continue
        if hint.dtype == torch.int64:
            target = batch.edge_index[1]
            owner = (batch.edge_index[0].unsqueeze(1) == hint[target]) & owner[target]
            term = -said[owner].mean()
        elif hint.dtype == torch.bool:
            term = F.binary_cross_entropy_with_logits(said[owner], hint[owner].to(said.dtype))
        else:
            term = F.mse_loss(said[owner], hint[owner].to(said.dtype))
        parts.append((term, said[owner].numel()))
    return parts


def _along(batch: Any, pointer: Tensor) -> Tensor:
    """Return which edges are those that pointers go along, ``[E]`` of bool."""
    source, target = batch.edge_index
    return source == pointer[target]


def _answers(batch: Any, traced: Any) -> tuple[Tensor, Tensor]:
    """Return the right nodes and those that were found, numbered within their graphs."""
    if "pointer" in batch:
        groups, nodes, right = batch.edge_index[1], batch.edge_index[0], batch.pointer
        first = batch.ptr[batch.batch]
    else:
        groups, nodes = batch.batch, torch.arange(batch.num_nodes, device=batch.ptr.device)
        right, first = batch.y.nonzero().flatten(), batch.ptr[:-1]
    best = scatter(traced.answer, groups, dim_size=len(right), reduce="max")
    reached = (traced.answer == best[groups]).nonzero().flatten()
    found = torch.full_like(right, len(nodes)).scatter_reduce(0, groups[reached], reached, "amin")
    return right - first, nodes[found] - first
