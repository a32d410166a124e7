"""How a network is trained and scored on a division of a dataset."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly.data import Dataset, Loaded
from graphpoly.models.settings import ModelSettings
from graphpoly.privacy import PrivacySettings
from graphpoly.recipes.recipe import Protocol
from graphpoly.rewiring import MethodSettings
from graphpoly.training import (
    GraphTask,
    LinkTask,
    PrivateNodeTask,
    RowTask,
    Scheduled,
    SeparationTask,
    SequenceTask,
    SignalTask,
    Task,
    TraceTask,
    node_task,
)
from graphpoly.training.forward import call_by_name
from graphpoly.training.metrics import Metric
from graphpoly.training.rewired import message_graph

__all__ = ["task_for"]

_LINKS = 1024  # a step, at most
_SHARE = 4  # of the links are in one step, whose links the network does not see: no more than a 4th
_THRESHOLD = 0.01  # distance of embeddings of graphs that are told apart, as published for PPGN


def task_for(
    settings: ModelSettings,
    dataset: Dataset,
    loaded: Loaded,
    split: Any,
    model: nn.Module,
    *,
    protocol: Protocol,
    metric: str | Metric,
    device: torch.device,
    seed: int,
    rewire: MethodSettings | None = None,
    privacy: PrivacySettings | None = None,
) -> Task:
    """Return how the network is trained and scored on one division of the dataset.

    Raises:
        ValueError: If a training that is to be private cannot be, one on a whole graph is to have
            batches, or something is said of links where none are asked for.
    """
    task: Task
    _check_links(protocol, dataset)
    if privacy is not None:
        task = _private_task(
            settings, dataset, loaded, split, model, protocol, metric, device, seed, privacy
        )
    elif dataset.task == "nodes":
        task = _node_task(settings, dataset, loaded, split, model, protocol, metric, device, seed)
    elif dataset.task in ("graphs", "positions"):
        assert loaded.graphs is not None
        graphs = loaded.graphs
        parts = ([graphs[i] for i in part.tolist()] for part in _parts(split))
        task = GraphTask(
            *parts,
            batch_size=protocol.batch_size or 32,
            loss=dataset.loss,
            metric=metric,
            device=device,
            seed=seed,
            transform=settings.augmentation(),
        )
    elif dataset.task in ("sequences", "traces"):
        assert loaded.graphs is not None
        graphs = loaded.graphs
        traces = dataset.task == "traces"
        task = (TraceTask if traces else SequenceTask)(
            *([graphs[i] for i in part.tolist()] for part in _parts(split)),
            batch_size=protocol.batch_size or (32 if traces else 128),
            metric=metric,
            device=device,
            seed=seed,
        )
    elif dataset.task == "links":
        task = LinkTask(
            loaded.data,
            split,
            metric=metric,
            batch_size=protocol.batch_size or min(_LINKS, -(-split.train.size(1) // _SHARE)),
            drop_last=settings.whole_batches,
            remove_targets=protocol.remove_targets,
            negatives=protocol.negatives,
            device=device,
            seed=seed,
            messages=_messages(settings, loaded, split, rewire),
        )
    elif dataset.task == "pairs":
        assert loaded.graphs is not None
        task = SeparationTask(
            loaded.graphs,
            call_by_name,
            threshold=_THRESHOLD,
            batch_size=protocol.batch_size or 16,
        )
    else:
        _refuse_batches(protocol, dataset)
        task = SignalTask(loaded.data, device=device)
    plain, task = task, settings.wrap(task)
    if privacy is not None and task is not plain:
        raise ValueError("epsilon: this model is trained in stages, which the account is not of")
    if not protocol.constant:
        task = Scheduled(
            task,
            partial(protocol.of, epochs=protocol.epochs, maximize=task.maximize),
            watched="val" if protocol.plateau == "metric" else "val_loss",
            least_lr=protocol.least_lr,
            described=protocol.rates(),
        )
    return task


def _messages(
    settings: ModelSettings, loaded: Loaded, split: Any, rewire: MethodSettings | None
) -> Data | None:
    """Return the graph that messages of links run over, where it is not the training links."""
    if rewire is not None and rewire.rewires:
        return loaded.data
    return settings.prepare(message_graph(loaded.data, split)) if settings.prepares else None


def _node_task(
    settings: ModelSettings,
    dataset: Dataset,
    loaded: Loaded,
    split: Any,
    model: nn.Module,
    protocol: Protocol,
    metric: str | Metric,
    device: torch.device,
    seed: int,
) -> Task:
    data = loaded.data
    assert data is not None
    rows = settings.rows(model, data)
    if rows is None:
        _refuse_batches(protocol, dataset)
        return node_task(data, split, model, loss=dataset.loss, metric=metric, device=device)
    return RowTask(
        rows,
        data.y,
        split,
        batch_size=protocol.batch_size or 1024,
        loss=dataset.loss,
        metric=metric,
        forward=settings.from_rows,
        device=device,
        seed=seed,
    )


def _check_links(protocol: Protocol, dataset: Dataset) -> None:
    """Raise a ValueError if what is said of links is said where none are asked for."""
    for name in ("remove_targets", "negatives") if dataset.task != "links" else ():
        if getattr(protocol, name) != getattr(Protocol, name):
            raise ValueError(
                f"{name}: got {getattr(protocol, name)}, but {dataset.name} asks for {dataset.task}"
            )


def _refuse_batches(protocol: Protocol, dataset: Dataset) -> None:
    """Raise a ValueError if a step on a whole graph is to be one on some of its rows."""
    if protocol.batch_size is not None:
        raise ValueError(
            f"batch_size: got {protocol.batch_size}, but each step of this model is on the whole "
            f"graph of {dataset.name}; leave it out"
        )


def _private_task(
    settings: ModelSettings,
    dataset: Dataset,
    loaded: Loaded,
    split: Any,
    model: nn.Module,
    protocol: Protocol,
    metric: str | Metric,
    device: torch.device,
    seed: int,
    privacy: PrivacySettings,
) -> Task:
    data = loaded.data
    assert data is not None
    if settings.prepares or settings.rows(model, data) is not None:
        raise ValueError(
            "epsilon: this model reads what is computed from the whole graph beforehand, which "
            "the account does not count"
        )
    return PrivateNodeTask(
        data,
        split,
        model,
        privacy,
        epochs=protocol.epochs,
        batch_size=protocol.batch_size,
        loss=dataset.loss,
        metric=metric,
        device=device,
        seed=seed,
    )


def _parts(fold: Any) -> tuple[Tensor, Tensor, Tensor]:
    return fold.train, fold.val, fold.test
