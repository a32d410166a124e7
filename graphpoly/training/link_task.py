"""Mini-batch training on the links of one graph."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.devices import on_cpu
from graphpoly.distributed import (
    backward,
    gather_rows,
    is_divided,
    joint_batch_norm,
    share,
    stretch,
)
from graphpoly.errors import unknown
from graphpoly.training.config import SPLITS
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.forward import names
from graphpoly.training.metrics import Metric
from graphpoly.training.ranking import link_score
from graphpoly.training.tasks import check_splits

__all__ = ["NEGATIVES", "LinkTask"]

NEGATIVES = ("pairs", "targets")
_SCORED = 131_072  # pairs at once, of a graph that has been read


class LinkTask:
    """Binary classification of pairs: those that are joined, and others drawn at random.

    A step takes some training links out of the graph that messages run over, both directions of
    each, and as many uniform pairs of distinct nodes that are no training links, or for each link
    its source and a target that makes none. The order and the pairs come from a generator of the
    task's own, which is part of each checkpoint. Several
    processes each score a share of the pairs; the messages of the graph run in every one of them,
    so that batch normalisation of nodes is whole, and of pairs over a share.

    Args:
        data: A graph with ``x``; its own edges are not looked at.
        split: ``train`` ``[2, P]``, each link once; ``val`` and ``test`` likewise; ``negatives``, a
            mapping from ``"train"``, ``"val"`` and ``"test"`` to pairs ``[2, M]``, or
            ``[2, P, M]`` where every link has its own.
        metric: ``"auc"``, ``"ap"``, ``"mrr"``, ``"hits@K"``, or one with a function of the scores
            of links and of non-links.
        batch_size: Links a step.
        drop_last: Leave out of each epoch what fills no batch, unless nothing does: a small one
            learns from a graph that is nearly whole.
        remove_targets: Take the links of a step out of the graph.
        negatives: What is drawn for the links of a step, ``"pairs"`` or ``"targets"``.
        device: Where the data goes; the caller moves the model.
        seed: Seed of order and pairs.
        messages: A graph on the same nodes that messages run over in place of the training links,
            such as these rewired; ``edge_type`` goes to models that name it. Links that a step
            takes out are taken out of it, too.

    The model is called as ``model(x, edge_index, pairs)`` and gives a score for each pair; one with
    ``encode(x, edge_index)`` and ``decode(hidden, pairs)`` is evaluated with one pass over the
    graph.
    """

    parallel = True

    def __init__(
        self,
        data: Any,
        split: Any,
        *,
        metric: str | Metric = "auc",
        batch_size: int = 1024,
        drop_last: bool = False,
        remove_targets: bool = True,
        negatives: str = "pairs",
        device: str | torch.device | None = None,
        seed: int = 0,
        messages: Any = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}, expected at least 1")
        if negatives not in NEGATIVES:
            raise unknown("negatives", negatives, NEGATIVES)
        if isinstance(metric, str):
            with on_cpu():
                link_score(metric, torch.ones(2), torch.zeros(2))  # refuses an unknown name
            metric = Metric(metric, partial(link_score, metric), True)
        self._metric = metric
        self.metric, self.maximize = metric.name, metric.maximize
        self.batch_size, self.seed = batch_size, seed
        self.remove_targets, self.drop_last = remove_targets, drop_last
        self.negatives = negatives
        self.split = split
        self.data = data if device is None else copy.copy(data).to(device)
        place = self.data.x.device
        self._links = {name: getattr(split, name).to(place).long() for name in SPLITS}
        self._negatives = {name: split.negatives[name].to(place) for name in SPLITS}
        train = self._links["train"]
        # every link in both directions, so that position i and i + P belong to link i
        self.edge_index = torch.cat([train, train.flip(0)], 1)
        num_nodes = int(data.num_nodes)
        self._num_nodes = num_nodes
        self._messages: dict[str, Any] = {}
        self._taken = (self.edge_index[0] * num_nodes + self.edge_index[1]).sort().values
        self.edge_type: Tensor | None = None
        # which of the links each edge belongs to, and their number where it is none of them
        self._link = torch.arange(train.size(1) if remove_targets else 0, device=place).repeat(2)
        if messages is not None:
            key = train.min(0).values * num_nodes + train.max(0).values
            ordered, link = key.sort()
            self.edge_index = messages.edge_index.to(place)
            held = messages.get("edge_type")
            self.edge_type = None if held is None else held.to(place)
            low, high = self.edge_index.long().aminmax(dim=0)
            found = torch.searchsorted(ordered, low * num_nodes + high)
            found = found.clamp(max=ordered.numel() - 1)
            known = ordered[found] == low * num_nodes + high
            self._link = torch.where(known, link[found], train.size(1))
            self._messages = {"messages": fingerprint(self.edge_index, self.edge_type)}
        self._generator = torch.Generator().manual_seed(seed)

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; the mean is over links."""
        model.train()
        train = self._links["train"]
        order = torch.randperm(train.size(1), generator=self._generator, device="cpu")
        order = order.to(train.device)
        if self.drop_last and train.size(1) > self.batch_size:
            order = order[: train.size(1) // self.batch_size * self.batch_size]
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        for chosen in order.split(self.batch_size):
            optimizer.zero_grad()
            positive = train[:, chosen]
            negative = self._draw(positive)
            mine = share(torch.arange(chosen.numel(), device=chosen.device))
            pairs = torch.cat([positive[:, mine], negative[:, mine]], 1)
            edges, types = self._without(chosen)
            divided = is_divided(chosen.numel())
            with joint_batch_norm(divided, common=self._num_nodes):
                scores = model(self.data.x, edges, pairs, **self._typed(model, types))
            truth = torch.zeros_like(scores)
            truth[: mine.numel()] = 1
            loss = F.binary_cross_entropy_with_logits(scores, truth)
            loss = backward(loss, scores.numel(), model)
            optimizer.step()
            total = total.to(loss.device) + loss.double() * chosen.numel()
        return float(total) / order.size(0)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; messages run over the training links."""
        check_splits(splits)
        model.eval()
        encode: Any = getattr(model, "encode", None)
        hidden = None
        if encode is not None:
            typed = self._typed(model, self.edge_type)
            hidden = encode(self.data.x, self.edge_index, **typed)
        scores = {}
        for name in splits:
            links, others = self._links[name], self._negatives[name]
            positive = self._score(model, hidden, links)
            negative = self._score(model, hidden, others.flatten(1)).view(others.shape[1:])
            finite = bool(torch.isfinite(positive).all() & torch.isfinite(negative).all())
            scores[name] = self._metric.function(positive, negative) if finite else math.nan
            if name == "val":
                truth = torch.cat([torch.ones_like(positive), torch.zeros_like(negative.flatten())])
                both = torch.cat([positive, negative.flatten()])
                scores["val_loss"] = float(F.binary_cross_entropy_with_logits(both, truth))
        return scores

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: metric, batches, split and a hash of the data."""
        named = ("name", "index", "hash")
        return {
            "kind": "links",
            "metric": self.metric,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "remove_targets": self.remove_targets,
            "negatives": self.negatives,
            "seed": self.seed,
            "split": {key: getattr(self.split, key) for key in named if hasattr(self.split, key)},
            "sizes": {name: links.size(1) for name, links in self._links.items()},
            "data": fingerprint(self.data.x, self._links, self._negatives),
            **self._messages,
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the draws."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue the draws from a state."""
        self._generator.set_state(state["generator"])

    def _without(self, chosen: Tensor) -> tuple[Tensor, Tensor | None]:
        if not self.remove_targets:
            return self.edge_index, self.edge_type
        stay = torch.ones(self._links["train"].size(1) + 1, dtype=torch.bool, device=chosen.device)
        stay[chosen] = False
        keep = stay[self._link]
        types = self.edge_type
        return self.edge_index[:, keep], None if types is None else types[keep]

    def _typed(self, model: nn.Module, types: Tensor | None) -> dict[str, Tensor]:
        return {"edge_type": types} if types is not None and names(model, "edge_type") else {}

    def _draw(self, links: Tensor) -> Tensor:
        """Return as many uniform pairs; of those that are links or loops the few are drawn anew."""
        pairs = self._pairs(links)
        for _ in range(16):  # a share of links squared, cubed, ... is left
            wrong = self._is_taken(pairs).nonzero().flatten()
            if wrong.numel() == 0:
                break
            pairs[:, wrong] = self._pairs(links[:, wrong])
        return pairs

    def _pairs(self, links: Tensor) -> Tensor:
        size = (2 if self.negatives == "pairs" else 1, links.size(1))
        drawn = torch.randint(self._num_nodes, size, generator=self._generator, device="cpu")
        drawn = drawn.to(links.device)
        return drawn if self.negatives == "pairs" else torch.cat([links[:1], drawn])

    def _is_taken(self, pairs: Tensor) -> Tensor:
        key = pairs[0] * self._num_nodes + pairs[1]
        place = torch.searchsorted(self._taken, key).clamp(max=self._taken.numel() - 1)
        return (self._taken[place] == key) | (pairs[0] == pairs[1])

    def _score(self, model: nn.Module, hidden: Tensor | None, pairs: Tensor) -> Tensor:
        parts = []
        most = 64 * self.batch_size
        batches = pairs.split(most if hidden is None else min(most, _SCORED), dim=1)
        for some in (batches[place].long() for place in stretch(len(batches))):
            if hidden is None:
                typed = self._typed(model, self.edge_type)
                parts.append(model(self.data.x, self.edge_index, some, **typed).cpu())
            else:
                decode: Any = model.decode
                parts.append(decode(hidden, some).cpu())
        return gather_rows(parts)
