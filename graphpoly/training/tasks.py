"""Tasks: how to take a training step and how to score a model."""

from __future__ import annotations

import copy
import math
import signal
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import BatchSampler, RandomSampler
from torch_geometric.data import InMemoryDataset

from graphpoly.distributed import (
    BatchShares,
    Stretch,
    backward,
    gather_rows,
    is_divided,
    joint_batch_norm,
)
from graphpoly.errors import unknown
from graphpoly.loader import PackedDataset, PackedLoader
from graphpoly.loader.cpu_batches import CPULoader
from graphpoly.training.config import SPLITS
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.forward import call_by_name, call_on_nodes
from graphpoly.training.losses import count_terms, get_loss
from graphpoly.training.metrics import Metric, MetricFunction, get_metric

__all__ = ["Forward", "GraphTask", "NodeTask", "Task", "check_splits", "node_mask", "score"]

Forward = Callable[[nn.Module, Any], Tensor]


class Task(Protocol):
    """What :func:`graphpoly.training.fit` needs of a task.

    A task that draws random numbers from a generator of its own also has ``state_dict()`` and
    ``load_state_dict(state)``, so that a resumed run draws the same ones. A task that also has
    ``describe()``, returning plain values, is not resumed with a description that differs; what
    ``report()`` returns at the end joins the results. One whose ``parallel`` is true divides its
    batches between processes, where there are several. One whose ``finished`` becomes true ends the
    run after that epoch.

    Attributes:
        metric: Name of the metric.
        maximize: Whether larger values of it are better.
    """

    metric: str
    maximize: bool

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """Train for one epoch and return the mean loss."""

    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """Return the metric of each of ``splits``, and ``"val_loss"`` if ``"val"`` is one."""


class NodeTask:
    """Full-batch training on the labels of one graph.

    Args:
        data: A graph with ``x``, ``y`` ``[N]`` (or ``[N, T]``) and ``edge_index`` or ``adj_t``.
        split: Anything with ``train_mask``, ``val_mask`` and ``test_mask``, each ``[N]`` of bool;
            its ``name``, ``index`` and ``hash``, if it has them, are recorded with the results.
        metric: A name in :data:`~graphpoly.training.metrics.METRICS` or ``f(y_true, y_pred)``.
        maximize: Whether larger is better; required where ``metric`` is a function.
        loss: ``"ce"``, ``"bce"``, ``"l1"`` or ``"mse"``.
        forward: ``f(model, data) -> output``. The default calls ``model(x, edge_index)``, with
            ``edge_weight=data.edge_weight`` where there is one.
        device: Where the data goes; the caller moves the model. ``None`` leaves them as they are.

    Example:
        >>> from types import SimpleNamespace
        >>> from torch_geometric.data import Data
        >>> rows = torch.arange(3)
        >>> split = SimpleNamespace(train_mask=rows == 0, val_mask=rows == 1, test_mask=rows == 2)
        >>> data = Data(torch.eye(3), torch.empty(2, 0).long(), y=torch.tensor([0, 1, 1]))
        >>> task = NodeTask(data, split)
        >>> task.metric, task.maximize
        ('accuracy', True)
    """

    def __init__(
        self,
        data: Any,
        split: Any,
        *,
        metric: str | Metric | MetricFunction = "accuracy",
        maximize: bool | None = None,
        loss: str = "ce",
        forward: Forward | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        self._metric = get_metric(metric, maximize=maximize)
        self.metric, self.maximize = self._metric.name, self._metric.maximize
        self.loss = loss
        self._loss = get_loss(loss)
        self._forward = call_on_nodes if forward is None else forward
        self.split = split
        # A shallow copy, since `to` moves the object that it is called on.
        self.data = data if device is None else copy.copy(data).to(device)
        self._masks = {
            name: node_mask(split, name, self.data.y.size(0)).to(self.data.y.device)
            for name in SPLITS
        }

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; one step on the whole graph."""
        model.train()
        optimizer.zero_grad()
        mask = self._masks["train"]
        loss = self._loss(self._forward(model, self.data)[mask], self.data.y[mask])
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; one pass serves all splits."""
        check_splits(splits)
        model.eval()
        output, y = self._forward(model, self.data).cpu(), self.data.y.cpu()
        scores = {}
        for name in splits:
            mask = self._masks[name].cpu()
            scores[name] = score(self._metric, y[mask], output[mask])
            if name == "val":
                scores["val_loss"] = float(self._loss(output[mask], y[mask]))
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: metric, loss, split and a hash of the data."""
        named = ("name", "index", "hash")
        return {
            "kind": "node",
            "metric": self.metric,
            "loss": self.loss,
            "split": {key: getattr(self.split, key) for key in named if hasattr(self.split, key)},
            "sizes": {name: int(mask.sum()) for name, mask in self._masks.items()},
            "data": fingerprint(self.data, self._masks),
        }


class GraphTask:
    """Mini-batch training on the labels of whole graphs.

    The training set is shuffled by a generator of the task's own, which is part of each checkpoint.
    Several processes each take a share of the graphs of every step, and of the batches of an
    evaluation.

    Args:
        train: Training graphs: a PyG dataset or a list of ``Data``, each with ``y``.
        val: Validation graphs.
        test: Test graphs.
        batch_size: Graphs a step.
        loss: ``"bce"``, ``"ce"``, ``"l1"`` or ``"mse"``. Labels that are NaN are left out, except
            in ``"ce"``.
        metric: A name in :data:`~graphpoly.training.metrics.METRICS` or ``f(y_true, y_pred)`` of
            the labels and the raw outputs of a whole split, on the CPU.
        maximize: Whether larger is better; required where ``metric`` is a function.
        forward: ``f(model, batch) -> output`` with one row a graph. The default gives the model
            the attributes that its ``forward`` names, or the batch itself where it takes one
            argument called ``data`` or ``batch``.
        device: Where each batch goes; the caller moves the model. ``None`` leaves it on the CPU.
        seed: Seed of the shuffling.
        num_workers: Processes that collate batches.
        transform: Done to each batch that is trained on, on the CPU, such as drawing something anew
            from torch's generator.
    """

    parallel = True

    def __init__(
        self,
        train: Any,
        val: Any,
        test: Any,
        *,
        batch_size: int = 32,
        loss: str = "bce",
        metric: str | Metric | MetricFunction = "rocauc",
        maximize: bool | None = None,
        forward: Forward | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
        num_workers: int = 0,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self._metric = get_metric(metric, maximize=maximize)
        self.metric, self.maximize = self._metric.name, self._metric.maximize
        self.loss, self.batch_size, self.seed = loss, batch_size, seed
        self._loss = get_loss(loss)
        self._forward = call_by_name if forward is None else forward
        self._device = device
        self._transform = transform
        self._datasets = {"train": train, "val": val, "test": test}
        for name, dataset in self._datasets.items():
            if len(dataset) == 0:
                raise ValueError(f"{name} must have at least one graph")
        self._generator = torch.Generator().manual_seed(seed)
        options = {
            "num_workers": num_workers,
            "worker_init_fn": _ignore_interrupt,
        }
        packed = {name: _packed(dataset) for name, dataset in self._datasets.items()}
        order = RandomSampler(packed["train"], generator=self._generator)
        batches = BatchShares(BatchSampler(order, batch_size, drop_last=False))
        self._shuffled = _loader(
            packed["train"], batch_sampler=batches, generator=self._generator, **options
        )
        self._loaders = {
            # A generator of their own: evaluation must not move the global one.
            name: _loader(
                dataset,
                batch_size=batch_size,
                sampler=Stretch(dataset, batch_size),
                generator=torch.Generator(),
                **options,
            )
            for name, dataset in packed.items()
        }

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; the mean is over graphs."""
        model.train()
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        counts = self._counts()
        for graphs, batch in zip(counts, self._shuffled, strict=True):
            batch = self._place(batch if self._transform is None else self._transform(batch))
            optimizer.zero_grad()
            with joint_batch_norm(is_divided(graphs)):
                loss = self._loss(self._forward(model, batch), batch.y)
            loss = backward(loss, count_terms(batch.y), model)
            optimizer.step()
            # Summed where it lies: reading it out would wait for the device at every step.
            total = total.to(loss.device) + loss.double() * graphs
        return float(total) / sum(counts)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; the loss is that of the whole split at once."""
        check_splits(splits)
        model.eval()
        scores = {}
        for name in splits:
            outputs, labels = [], []
            for batch in self._loaders[name]:
                batch = self._place(batch)
                outputs.append(self._forward(model, batch).cpu())
                labels.append(batch.y.cpu())
            output, y = gather_rows(outputs), gather_rows(labels)
            scores[name] = score(self._metric, y, output)
            if name == "val":
                scores["val_loss"] = float(self._loss(output, y))
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: metric, loss, batches and a hash of the data."""
        return {
            "kind": "graph",
            "metric": self.metric,
            "loss": self.loss,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "sizes": {name: len(dataset) for name, dataset in self._datasets.items()},
            "data": fingerprint(self._datasets),
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the shuffling."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue the shuffling from a state."""
        self._generator.set_state(state["generator"])

    def _counts(self) -> list[int]:
        """Return the number of graphs of each step, those of all processes together."""
        size = len(self._datasets["train"])
        return [min(self.batch_size, size - at) for at in range(0, size, self.batch_size)]

    def _place(self, batch: Any) -> Any:
        return batch if self._device is None else batch.to(self._device)


def node_mask(split: Any, name: str, num_nodes: int) -> Tensor:
    """Return one mask of a split, checked."""
    mask = getattr(split, f"{name}_mask")
    if mask.dtype != torch.bool or mask.shape != (num_nodes,):
        raise ValueError(
            f"{name}_mask must be bool of shape ({num_nodes},), "
            f"got {mask.dtype} of {tuple(mask.shape)}"
        )
    if not bool(mask.any()):
        raise ValueError(f"{name}_mask must select at least one node")
    return mask


def check_splits(splits: Sequence[str]) -> None:
    """Refuse names that are no splits."""
    for name in splits:
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)


def score(metric: Metric, y_true: Tensor, y_pred: Tensor) -> float:
    """Return the metric, NaN where the output is not finite."""
    # The most likely class among NaNs would be class 0, and look like a result.
    if not bool(torch.isfinite(y_pred).all()):
        return math.nan
    return float(metric.function(y_true, y_pred))


def _packed(dataset: Any) -> Any:
    """Return the graphs in contiguous arrays, or as they are where only PyG can join them.

    A dataset of the user's own may give another graph at each access, and stays as it is.
    """
    kept = isinstance(dataset, list | tuple) or (
        isinstance(dataset, InMemoryDataset)
        and type(dataset).get is InMemoryDataset.get
        and type(dataset).__getitem__ is InMemoryDataset.__getitem__
    )
    if not kept:
        return dataset
    try:
        return PackedDataset(dataset)
    except (TypeError, ValueError):
        return dataset


def _loader(dataset: Any, **options: Any) -> Any:
    if isinstance(dataset, PackedDataset):
        return PackedLoader(dataset, **options)
    return CPULoader(dataset, **options)


def _ignore_interrupt(worker: int) -> None:
    # Ctrl-C reaches every process of the terminal; only the main one decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
