"""Training on the labels of one graph that reveals little of any of its training nodes."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.data import Loaded
from graphpoly.privacy import Ledger, PrivacySettings, bound_readers, most_terms, noise_for
from graphpoly.privacy.examples import Batch, Examples, apart, keep_edges
from graphpoly.privacy.gradients import (
    Clipped,
    clipped_by_rows,
    clipped_one_by_one,
    has_rules,
    trainable,
)
from graphpoly.privacy.reach import measured_reach, stirred
from graphpoly.training.checkpoint import load_state
from graphpoly.training.config import SPLITS
from graphpoly.training.forward import call_on_nodes
from graphpoly.training.losses import get_loss
from graphpoly.training.metrics import Metric, MetricFunction
from graphpoly.training.tasks import NodeTask

__all__ = ["PrivateNodeTask", "as_scored"]

_HOPS = 2  # what the account knows
_SAMPLE = 10_000  # gradients that thresholds are estimated from, as published
_CHECKED = 8  # gradients that are found in both ways
_POINTS = 10  # of the record of what was spent

_log = logging.getLogger("graphpoly")


class PrivateNodeTask:
    r"""Steps on clipped gradients of nodes under noise, and the account of what they reveal.

    Training reads the edges between training nodes that :func:`~graphpoly.privacy.bound_readers`
    leaves. A step draws B training nodes, takes for each the gradient of its loss on what its
    prediction reads, cuts it to the length :math:`C_p` in each parameter p, adds up, and gives the
    optimiser

    .. math::
        \frac1B \Big( \sum_v \mathrm{clip}(g_v) + \mathcal N\big(0, (\sigma \Delta \|C\|_2)^2 I
        \big) \Big)

    where :math:`\Delta` is 2 (K + 1) for a network that reads its neighbours and
    :math:`2 (K^2 + K + 1)` for one that reads theirs. One that reads no edge is trained by DP-SGD
    as anybody does it: each node is in a batch by a toss of its own, and :math:`\Delta` is 1.
    Normalisation by degrees sees what is read alone.

    What is private are the weights: two graphs, one of which lacks a training node with its edges
    **after** the sampling, give nearly the same ones. The sampling itself stands outside: with a
    node that reads many others gone, other edges may survive. Number and labels' kinds of the
    nodes, thresholds that are estimated, the seed (but for ``secret``) and everything else that a
    run writes but the weights are outside, too. Edges between training and other nodes are never
    used: predictions of the others read nothing but the weights. To choose an epoch by them reveals
    no more of the training nodes, and of the validation nodes what the account does not count.

    Args:
        data: A graph with ``x``, ``y`` and ``edge_index``.
        split: As for :class:`~graphpoly.training.NodeTask`.
        model: The network; only looked at, until it is trained.
        privacy: What is to be kept.
        epochs: Most epochs, each of N / B steps; the noise is chosen for all of them.
        batch_size: B, or None for all training nodes.
        metric, maximize, loss, device: As for :class:`~graphpoly.training.NodeTask`.
        seed: Of the sampling, the batches and the noise.

    Raises:
        ValueError: If the network reads farther than two edges, mixes nodes that no edge joins or
            keeps statistics of them, a label is missing, ``clip`` fits no number of parameters, or
            epsilon is out of reach.

    References:
        Daigavane et al. Node-Level Differentially Private Graph Neural Networks. arXiv:2111.15521
    """

    def __init__(
        self,
        data: Any,
        split: Any,
        model: nn.Module,
        privacy: PrivacySettings,
        *,
        epochs: int,
        batch_size: int | None = None,
        metric: str | Metric | MetricFunction = "accuracy",
        maximize: bool | None = None,
        loss: str = "ce",
        device: str | torch.device | None = None,
        seed: int = 0,
    ) -> None:
        if getattr(data, "edge_index", None) is None:
            raise ValueError("epsilon: the graph must have edge_index")
        options: dict[str, Any] = {
            "metric": metric,
            "maximize": maximize,
            "loss": loss,
            "device": device,
        }
        self._whole = NodeTask(data, split, **options)
        self.metric, self.maximize = self._whole.metric, self._whole.maximize
        self.privacy = privacy
        self._loss = get_loss(loss)
        graph = self._whole.data
        self._train = split.train_mask.to(graph.edge_index.device)
        self._nodes = self._train.nonzero().view(-1)
        if graph.y.is_floating_point() and bool(graph.y[self._nodes].isnan().any()):
            raise ValueError("epsilon: a training node lacks a label")
        self.num_hops = measured_reach(model, call_on_nodes, data)
        if self.num_hops > _HOPS:
            raise ValueError(
                f"epsilon: {type(model).__name__} reads nodes more than {_HOPS} edges away, and "
                f"the account knows up to {_HOPS}; give it fewer layers or hops"
            )
        count = len(trainable(model))
        if privacy.clip is not None and len(privacy.clip) not in (1, count):
            raise ValueError(f"clip: got {len(privacy.clip)} numbers, expected 1 or {count}")
        num_nodes = len(self._nodes)
        self.batch_size = num_nodes if batch_size is None else batch_size
        self._an_epoch = max(1, round(num_nodes / max(self.batch_size, 1)))
        delta = 1 / (10 * num_nodes) if privacy.delta is None else privacy.delta
        steps = epochs * self._an_epoch
        mechanism = noise_for(
            privacy.epsilon,
            steps=steps,
            delta=delta,
            num_nodes=num_nodes,
            batch_size=self.batch_size,
            terms=min(most_terms(privacy.max_degree, self.num_hops), num_nodes),
            independent=self.num_hops == 0,
        )
        self.ledger = Ledger(mechanism, delta=delta, budget=steps)
        self._clip: Tensor | None = None
        self._split, self._options = split, options
        self._sample(secrets.randbits(128) if privacy.secret else seed)
        self._by_rows = self._rules_hold(model)

    def train_epoch(self, model: nn.Module, optimizer: Optimizer) -> float:
        """See :meth:`Task.train_epoch`; as many steps as batches fill the training nodes."""
        model.train()
        if self._clip is None:
            self._clip = self._thresholds(model)
        losses = [self._step(model, optimizer, self._clip) for _ in range(self._an_epoch)]
        return sum(losses) / len(losses)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Sequence[str] = SPLITS) -> dict[str, float]:
        """See :meth:`Task.evaluate`; training nodes on what training reads, others on the rest."""
        scores = self._apart.evaluate(model, splits)
        return {**scores, "epsilon": self.ledger.epsilon}

    def describe(self) -> dict[str, Any]:
        """Return what identifies this task: that of the graph, and what is kept."""
        return {
            **self._whole.describe(),
            "kind": "private node",
            "privacy": dataclasses.asdict(self.privacy),
            "num_hops": self.num_hops,
            "batch_size": self.batch_size,
            "steps": self.ledger.budget,
            "seed": None if self.privacy.secret else self._seed,
        }

    def report(self) -> dict[str, Any]:
        """Return what was spent, on what, for the results of a run."""
        step, ledger = self.ledger.mechanism, self.ledger
        at = sorted({round(ledger.steps * part / _POINTS) for part in range(1, _POINTS + 1)} - {0})
        spent = {
            "epsilon": ledger.epsilon,
            "asked": self.privacy.epsilon,
            "delta": ledger.delta,
            "sigma": step.sigma,
            "sensitivity": step.sensitivity,
            "terms": step.terms,
            "num_hops": self.num_hops,
            "max_degree": self.privacy.max_degree,
            "num_nodes": step.num_nodes,
            "batch_size": step.batch_size,
            "steps": ledger.steps,
            "budget": ledger.budget,
            "clip": None if self._clip is None else self._clip.tolist(),
            "clip_estimated": self.privacy.clip is None,
            "secret": self.privacy.secret,
            "spent": [{"steps": steps, "epsilon": ledger.after(steps)} for steps in at],
        }
        return {"privacy": spent}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs; every step draws from the seed and its own number."""
        return {
            "steps": self.ledger.steps,
            "sigma": self.ledger.mechanism.sigma,
            "clip": self._clip,
            "seed": str(self._seed),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the account, and the draws."""
        step = dataclasses.replace(self.ledger.mechanism, sigma=state["sigma"])
        self.ledger = Ledger(step, delta=self.ledger.delta, budget=self.ledger.budget)
        self.ledger.steps, self._clip = state["steps"], state["clip"]
        if int(state["seed"]) != self._seed:
            self._sample(int(state["seed"]))

    def _sample(self, seed: int) -> None:
        """Draw what training may read, and set the rest apart."""
        self._seed = seed
        graph = self._whole.data
        kept, shown = _divided(graph, self._train, self.privacy, seed)
        self._examples = Examples(kept, self.num_hops)
        self._apart = NodeTask(shown, self._split, **self._options)

    def _step(self, model: nn.Module, optimizer: Optimizer, clip: Tensor) -> float:
        self.ledger.spend()
        step = self.ledger.mechanism
        draws = np.random.default_rng([self._seed, self.ledger.steps])
        if step.independent:
            drawn = draws.random(step.num_nodes) < step.batch_size / step.num_nodes
            chosen = drawn.nonzero()[0]
        else:
            chosen = draws.choice(step.num_nodes, step.batch_size, replace=False, shuffle=False)
        nodes = self._nodes[torch.from_numpy(chosen).to(self._nodes.device)]
        found = self._clipped(model, nodes, clip)
        deviation = step.sigma * step.sensitivity * float(clip.double().norm())
        optimizer.zero_grad()
        for parameter, total in zip(trainable(model), found.sums, strict=True):
            noise = torch.from_numpy(draws.standard_normal(tuple(total.shape)) * deviation)
            parameter.grad = (total + noise.to(total)) / step.batch_size
        optimizer.step()
        return found.loss

    def _clipped(self, model: nn.Module, nodes: Tensor, clip: Tensor | None) -> Clipped:
        take = clipped_by_rows if self._by_rows else clipped_one_by_one
        return take(model, self._examples, nodes, _roots, self._loss, clip)

    def _thresholds(self, model: nn.Module) -> Tensor:
        """Return the greatest length in each parameter, as given or as found at the beginning."""
        given, parameters = self.privacy.clip, trainable(model)
        like = parameters[0].detach()
        if given is not None:
            return like.new_tensor(given).expand(len(parameters)).clone()
        _log.warning(
            "clip is estimated from the training nodes' gradients at the beginning, which the "
            "account does not count; clip=NUMBER sets it"
        )
        norms = self._clipped(model, self._nodes[:_SAMPLE], None).norms.double()
        found = norms.quantile(self.privacy.clip_percentile / 100, dim=0)
        # a parameter that moves nothing at the beginning may do so later
        return found.clamp(min=1e-6 * float(found.max())).to(like)

    def _rules_hold(self, model: nn.Module) -> bool:
        """Return whether gradients can be taken side by side, by what some of them are."""
        if not has_rules(model):
            return False
        moved = stirred(model).to(self._nodes.device).eval()
        some = self._nodes[:_CHECKED]
        try:
            fast = clipped_by_rows(moved, self._examples, some, _roots, self._loss)
        except ValueError:
            return False
        slow = clipped_one_by_one(moved, self._examples, some, _roots, self._loss)
        pairs = zip([fast.norms, *fast.sums], [slow.norms, *slow.sums], strict=True)
        return all(torch.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in pairs)


def as_scored(
    loaded: Loaded, split: Any, privacy: PrivacySettings | None, checkpoint: Path
) -> Loaded:
    """Return a dataset with those edges alone that the scores of a private run rest on.

    Args:
        loaded: As the network reads it.
        split: Which nodes it was trained on.
        privacy: What was kept; None changes nothing.
        checkpoint: Of the run, which knows what the edges were drawn by.
    """
    if privacy is None:
        return loaded
    state = load_state(checkpoint)["task"]
    while "seed" not in state:  # within the state of a schedule
        state = state["task"]
    shown = _divided(loaded.data, split.train_mask, privacy, int(state["seed"]))[1]
    return dataclasses.replace(loaded, data=shown)


def _divided(graph: Any, train: Tensor, privacy: PrivacySettings, seed: int) -> tuple[Any, Any]:
    """Return the graph with the edges that training reads, and with those that scores read."""
    kept = bound_readers(
        graph.edge_index,
        graph.y.size(0),
        privacy.max_degree,
        generator=np.random.default_rng(seed),
        nodes=train,
    )
    shown = apart(graph.edge_index, train, kept)
    return keep_edges(graph, kept), keep_edges(graph, shown)


def _roots(model: nn.Module, batch: Batch) -> Tensor:
    return call_on_nodes(model, batch.data)[batch.blocks.root]
