"""One graph, a part of whose nodes each of several processes trains on."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.acceleration import undivided, whole_operator
from graphpoly.distributed import (
    PartitionedGraph,
    backward,
    from_first,
    joint_batch_norm,
    size,
)
from graphpoly.training.losses import count_terms
from graphpoly.training.tasks import NodeTask

__all__ = ["PartitionedNodeTask", "node_task"]


class PartitionedNodeTask(NodeTask):
    """Full-batch training on one graph whose nodes are divided between processes.

    Its steps are those of :class:`~graphpoly.training.NodeTask`, up to rounding and to what is
    drawn: each process draws dropout for its own nodes. So is its description: a run goes on in any
    number of processes, or in one.

    Args:
        data: The whole graph, the same in every process, on the CPU.
        split, metric, maximize, loss: As for :class:`~graphpoly.training.NodeTask`.
        model: Takes a :class:`~graphpoly.distributed.PartitionedGraph` in place of ``edge_index``,
            and says by ``whole_operator(x, edge_index, edge_weight)`` of which operator it is made;
            or one of PyG's that is accelerated, see :func:`graphpoly.acceleration.undivided`.
        parts: As for :class:`~graphpoly.distributed.PartitionedGraph`; the default is METIS where
            pymetis is installed and every process has a node.
        device: Where this process's part goes.

    Raises:
        ValueError: If the model takes no graph in parts.

    Complexity: The whole graph is read by each process, which then holds its own rows of it, of the
    features and of the outputs, and all labels.
    """

    parallel = True

    def __init__(
        self,
        data: Any,
        split: Any,
        model: nn.Module,
        *,
        parts: Tensor | str | None = None,
        device: str | torch.device | None = None,
        **options: Any,
    ) -> None:
        from_first(lambda: _check_divisible(model))
        super().__init__(data, split, **options)
        self._description = super().describe()
        edges = data.edge_index if getattr(data, "edge_index", None) is not None else data.adj_t
        if isinstance(edges, Tensor):
            edges = edges.detach()  # what is remembered of it goes with it
        weight = getattr(data, "edge_weight", None)
        with torch.no_grad():
            if hasattr(model, "whole_operator"):
                whole: Any = model.whole_operator
                adj = whole(data.x, edges, weight)
            else:
                adj = whole_operator(model, data.x, edges, weight)
        if parts is None:
            divides = len(data.x) >= size() and importlib.util.find_spec("pymetis")
            parts = "metis" if divides else "contiguous"
        self.graph = PartitionedGraph(adj, parts)
        self._x, self._y, train = (
            self.graph.cut(rows).to(device) for rows in (data.x, data.y, self._masks["train"])
        )
        self._train = train.nonzero().view(-1)
        self.graph.to(self._x.device)
        self.data = SimpleNamespace(y=data.y.cpu())  # what is scored; the rest is not held
        self._forward = lambda model, data: self._joined(model)

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; one step on the whole graph."""
        model.train()
        optimizer.zero_grad()
        with joint_batch_norm():
            output, y = model(self._x, self.graph)[self._train], self._y[self._train]
        # a mean over no node is not a number
        loss = self._loss(output, y) if y.numel() else output.sum()
        loss = backward(loss, count_terms(y), model)
        optimizer.step()
        return loss.item()

    def _joined(self, model: nn.Module) -> Tensor:
        """Return the outputs of all nodes, of norms without running moments by those of all."""
        with joint_batch_norm():
            return self.graph.join(model(self._x, self.graph))

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: that of the whole graph."""
        return self._description


def node_task(
    data: Any, split: Any, model: nn.Module, *, device: str | torch.device | None, **options: Any
) -> NodeTask:
    """Return how a model is trained on a whole graph, by one process or by all there are.

    Args:
        data, split, device: As for :class:`~graphpoly.training.NodeTask`.
        model: As for :class:`PartitionedNodeTask`; anything else is trained by one process alone.
        **options: ``metric``, ``maximize``, ``loss``.

    Raises:
        ValueError: If there are several processes, and the model takes no graph in parts.
    """
    if size() == 1:
        return NodeTask(data, split, device=device, **options)
    return PartitionedNodeTask(data, split, model, device=device, **options)


def _check_divisible(model: nn.Module) -> None:
    found = "" if hasattr(model, "whole_operator") else undivided(model)
    if found:
        raise ValueError(
            f"{size()} processes divide the nodes of one graph, which is not known to leave what "
            f"this does as it is: {found}; run it without torchrun"
        )
