r"""How much of a prediction rests on the edges that an explanation names.

With the edges of an explanation S of a graph G, and E the mean over random subsets of edges,

.. math::
    \mathrm{Fid}_{\alpha_1, +} &= f(G)_y - E\, f(G \setminus E_{\alpha_1}(S))_y \\
    \mathrm{Fid}_{\alpha_2, -} &= f(G)_y - E\, f(S \cup E_{\alpha_2}(G \setminus S))_y

where :math:`E_\alpha` has each edge with probability :math:`\alpha` (Zheng, Shirani, Wang, Cheng,
Chen, Chen, Wei, Luo. Towards Robust Fidelity for Evaluating Explainability of Graph Neural
Networks. ICLR 2024). :math:`\alpha_1 = 1` and :math:`\alpha_2 = 0` are the classic values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.errors import unknown
from graphpoly.robustness.structure import check_uncached

__all__ = ["Fidelity", "fidelity"]

KINDS = ("probability", "accuracy")
MOST_PAIRS = 16  # that are enumerated


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """What :func:`fidelity` found of each graph or node, ``[B]`` each.

    Attributes:
        plus: Loss where edges of the explanation go; large for a good explanation.
        minus: Loss where other edges go; small for a good explanation.
        plus_error, minus_error: Standard errors of the two; 0 where they are exact, NaN of a single
            draw.
    """

    plus: Tensor
    minus: Tensor
    plus_error: Tensor
    minus_error: Tensor

    @property
    def delta(self) -> Tensor:
        """The difference of the two, ``[B]``; large for a good explanation."""
        return self.plus - self.minus


@torch.no_grad()
def fidelity(
    model: Callable[..., Tensor],
    explanation: Data,
    y: Tensor | None = None,
    *,
    remove: float = 0.1,
    keep: float = 0.9,
    kind: str = "probability",
    samples: int | None = 50,
    threshold: float = 0.5,
    generator: torch.Generator | None = None,
) -> Fidelity:
    r"""Measure an explanation by deleting edges at random.

    The two directions of an edge stay or go together, and an edge of one direction is drawn like
    any other. All draws are one disjoint batch: O(S (\|V\| + \|E\|)) rows for S draws.

    Args:
        model: From ``(x, edge_index)`` to logits of nodes ``[N, C]``, or with ``batch`` to logits
            of graphs ``[B, C]``; in evaluation mode. ``edge_weight`` and ``edge_attr`` are passed
            where the explanation has them.
        explanation: With ``x``, ``edge_index`` and ``edge_mask`` ``[E]`` or ``node_mask``
            ``[N, 1]`` or ``[N, F]``. A node mask alone names the edges within its nodes. With
            ``batch`` ``[N]`` it is a batch of graphs, with ``index`` nodes of one graph are
            explained, otherwise one graph.
        y: Classes ``[B]``; what the model predicts by default.
        remove: :math:`\alpha_1`, probability that an edge of the explanation goes.
        keep: :math:`\alpha_2`, probability that another edge stays.
        kind: ``"probability"`` of the class, or ``"accuracy"``, 1 where it is predicted.
        samples: Number of draws; None enumerates all subsets, of at most 16 edges of a graph.
        threshold: Above which a mask names an edge or a node.
        generator: Of the device of ``x``.

    Raises:
        ValueError: If a mask is missing, a name unknown or a number out of range, or the model does
            not give logits of two classes or more, or keeps its first graph (``cached=True``).

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> def model(x, edge_index):
    ...     return torch.zeros(2, 2).repeat(x.size(0) // 2, 1).index_fill(0, edge_index[1], 9.0) * (
    ...         torch.tensor([0, 1]))
    >>> graph = Data(x=torch.zeros(2, 1), edge_index=torch.tensor([[0], [1]]),
    ...     edge_mask=torch.ones(1), index=1)
    >>> found = fidelity(model, graph, remove=0.3, kind="accuracy", samples=None)
    >>> round(float(found.plus), 4), float(found.minus)
    (0.3, 0.0)
    """
    for name, value in (("remove", remove), ("keep", keep)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: got {value}, expected a number from 0 to 1")
    if samples is not None and samples < 1:
        raise ValueError(f"samples: got {samples}, expected at least 1, or None")
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    check_uncached(model)
    graphs = _Draws(model, explanation)
    inside = _explained(explanation, threshold)
    whole = graphs.logits(inside.new_ones(1, graphs.pairs))[0]
    y = whole.argmax(1) if y is None else y

    def score(logits: Tensor) -> Tensor:
        if kind == "accuracy":
            return (logits.argmax(2) == y).to(logits.dtype)
        return logits.softmax(2)[:, torch.arange(y.numel(), device=y.device), y]

    named = inside.new_zeros(graphs.pairs).index_put((graphs.pair[inside],), inside.new_ones(()))
    before, found = score(whole[None])[0], []
    for drawn, stays in ((named, 1 - remove), (~named, keep)):
        if samples is None:
            kept, weight = graphs.enumerate(drawn, stays)
        else:
            shape = samples, graphs.pairs
            kept = torch.rand(shape, generator=generator, device=drawn.device) < stays
            weight = torch.full((samples,), 1 / samples, dtype=whole.dtype, device=drawn.device)
        loss = before - score(graphs.logits(kept | ~drawn))
        weight = weight.to(loss.dtype).unsqueeze(1)
        mean = (weight * loss).sum(0)
        error = torch.zeros_like(mean)
        if samples is not None:
            spread = (loss - mean).square().sum(0) / (samples - 1)  # NaN of one draw
            error = (spread / samples).sqrt()
        found.append((mean, error))
    (plus, plus_error), (minus, minus_error) = found
    return Fidelity(plus=plus, minus=minus, plus_error=plus_error, minus_error=minus_error)


def _explained(explanation: Data, threshold: float) -> Tensor:
    """Return which edges the explanation names, ``[E]``."""
    edges, nodes = explanation.get("edge_mask"), explanation.get("node_mask")
    if edges is not None:
        return edges > threshold
    if nodes is None:
        raise ValueError("explanation: got neither edge_mask nor node_mask")
    chosen = nodes.reshape(nodes.size(0), -1).amax(1) > threshold
    return chosen[explanation.edge_index].all(0)


class _Draws:
    """Copies of a graph without some of its pairs of nodes, answered in one call of a model."""

    def __init__(self, model: Callable[..., Tensor], explanation: Data) -> None:
        self.model, self.data = model, explanation
        self.num_nodes = int(explanation.num_nodes or 0)
        low, high = explanation.edge_index.long().aminmax(dim=0)
        keys, self.pair = (low * self.num_nodes + high).unique(return_inverse=True)
        self.pairs = keys.numel()
        self.index = explanation.get("index")
        batch = explanation.get("batch")
        self.batch = low.new_zeros(self.num_nodes) if batch is None else batch
        self.graph = self.batch[keys // max(1, self.num_nodes)]

    def logits(self, kept: Tensor) -> Tensor:
        """Return what the model says where ``kept`` ``[S, P]`` stays, ``[S, B, C]``."""
        draws, data = kept.size(0), self.data
        copy, edge = kept[:, self.pair].nonzero(as_tuple=True)
        given = {
            name: data[name][edge]
            for name in ("edge_weight", "edge_attr")
            if data.get(name) is not None
        }
        shift = torch.arange(draws, device=kept.device).unsqueeze(1)
        if self.index is None:
            size = int(self.batch.max()) + 1
            given["batch"] = (self.batch + shift * size).flatten()
        edge_index = data.edge_index[:, edge] + copy * self.num_nodes
        x = data.x.repeat(draws, *[1] * (data.x.dim() - 1))
        out = self.model(x, edge_index, **given)
        if out.dim() != 2 or out.size(1) < 2:
            shape = tuple(out.shape)
            raise ValueError(f"model: gave shape {shape}, expected logits of two classes or more")
        out = out.view(draws, -1, out.size(-1))
        if self.index is None:
            return out
        return out[:, torch.as_tensor(self.index, device=out.device).reshape(-1)]

    def enumerate(self, drawn: Tensor, stays: float) -> tuple[Tensor, Tensor]:
        """Return all subsets of ``drawn`` in each graph ``[S, P]`` and their chances ``[S]``."""
        graph = self.graph[drawn]
        order = graph.argsort(stable=True)
        count = torch.bincount(graph, minlength=1)
        most = int(count.max())
        if most > MOST_PAIRS:
            raise ValueError(f"samples: got None for {most} edges, expected at most {MOST_PAIRS}")
        place = torch.empty_like(graph)
        place[order] = torch.arange(graph.numel(), device=graph.device) - (
            count.cumsum(0) - count
        ).repeat_interleave(count)
        states = torch.arange(2**most, device=graph.device).unsqueeze(1)
        bits = (states >> torch.arange(most, device=graph.device)) % 2 == 1
        kept = drawn.new_ones(2**most, drawn.numel())
        kept[:, drawn] = bits[:, place]
        chance = (bits.double() * stays + (~bits).double() * (1 - stays)).prod(1)
        return kept, chance
