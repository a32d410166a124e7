"""Mini-batches of graphs, each with a sequence of its nodes to be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.distributed import backward, gather_rows, is_divided, joint_batch_norm, sum_counts
from graphpoly.errors import unknown
from graphpoly.training.config import SPLITS
from graphpoly.training.metrics import Metric
from graphpoly.training.tasks import GraphTask, check_splits

__all__ = ["SequenceTask"]


class SequenceTask(GraphTask):
    """Mini-batch training on graphs with ``pointer``, nodes in the order of an answer.

    A step raises the likelihood of given answers, each node and the end after those before it. An
    evaluation lets the model find answers of its own, and scores them. Batches are made, shuffled
    and divided between processes as those of a :class:`~graphpoly.training.GraphTask`.

    Args:
        train: Training graphs, each with ``pointer`` ``[L]``, which a batch counts on, such as
            :class:`~graphpoly.data.TraceData`, and ``length`` ``[1]``, its L.
        val: Validation graphs.
        test: Test graphs.
        batch_size: Graphs a step.
        metric: ``"accuracy"``, the share of graphs whose answer is right from first to last, or one
            with a function of two tensors ``[G, T]``: an answer a row, in places within its graph,
            -1 behind the end. What is found is cut one step behind the longest right answer.
        beam: Sequences that an evaluation keeps from step to step.
        device: As for :class:`~graphpoly.training.GraphTask`.
        seed: Seed of the shuffling.

    The model is called by name as ``model(x, edge_index, pointer, length, batch=..., ...)`` for
    log-probabilities of steps, and ``model.decode(x, edge_index, batch=..., batch_size=...,
    beam=...)`` finds answers: see :class:`~graphpoly.models.PointerNetwork`.
    """

    def __init__(
        self,
        train: Any,
        val: Any,
        test: Any,
        *,
        batch_size: int = 128,
        metric: str | Metric = "accuracy",
        beam: int = 1,
        device: str | torch.device | None = None,
        seed: int = 0,
    ) -> None:
        if metric == "accuracy":
            metric = Metric("accuracy", _whole, True)
        if isinstance(metric, str):
            raise unknown("metric", metric, ["accuracy"])
        if beam < 1:
            raise ValueError(f"beam: got {beam}, expected at least 1")
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
        self.beam = beam
        self._longest = {
            name: max(graph.pointer.numel() for graph in dataset)
            for name, dataset in self._datasets.items()
        }

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; the mean is over steps of answers."""
        model.train()
        total, terms = torch.zeros((), dtype=torch.float64, device="cpu"), 0
        for graphs, batch in zip(self._counts(), self._shuffled, strict=True):
            batch = self._place(batch)
            optimizer.zero_grad()
            divided = is_divided(graphs)
            with joint_batch_norm(divided):
                log_prob = self._forward(model, batch)
            count = log_prob.numel()
            loss = backward(-log_prob.sum() / max(count, 1), count, model)
            optimizer.step()
            (count,) = sum_counts([count]) if divided else [count]
            total = total.to(loss.device) + loss.double() * count
            terms += count
        return float(total) / terms

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; the loss is that of the right answers."""
        check_splits(splits)
        model.eval()
        scores = {}
        for name in splits:
            wanted, found, log_prob = [], [], []
            width = self._longest[name] + 1
            for batch in self._loaders[name]:
                batch = self._place(batch)
                ends = {"batch": batch.batch, "batch_size": batch.num_graphs, "beam": self.beam}
                decode: Any = model.decode
                guess = decode(batch.x, batch.edge_index, **ends)
                wanted.append(_rows(batch.pointer, batch.length, batch.ptr, width).cpu())
                found.append(_rows(guess.pointer, guess.length, batch.ptr, width).cpu())
                if name == "val":
                    log_prob.append(self._forward(model, batch).double().cpu())
            scores[name] = self._metric.function(gather_rows(wanted), gather_rows(found))
            if name == "val":
                scores["val_loss"] = -float(gather_rows(log_prob).mean())
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: that of its graphs, and the beam."""
        return {**super().describe(), "kind": "sequences", "beam": self.beam}


def _rows(pointer: Tensor, length: Tensor, ptr: Tensor, width: int) -> Tensor:
    """Return a sequence a row, ``[G, width]``, in places within its graph."""
    graph = torch.repeat_interleave(length)
    step = torch.arange(len(pointer), device=ptr.device) - (length.cumsum(0) - length)[graph]
    held = step < width
    rows = ptr.new_full((len(length), width), -1)
    rows[graph[held], step[held]] = (pointer - ptr[graph])[held]
    return rows


def _whole(y_true: Tensor, y_pred: Tensor) -> float:
    return float((y_true == y_pred).all(1).double().mean())
