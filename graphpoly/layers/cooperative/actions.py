"""What a node does in a layer: it listens or not, it broadcasts or not."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.take_rows import take_rows

__all__ = ["ACTIONS", "EVAL_MODES", "Actions", "choose", "edge_gate", "gumbel_noise"]

ACTIONS = ("standard", "listen", "broadcast", "isolate")
"""Names of the four actions, in the order of every tensor that has a column for each."""

EVAL_MODES = ("expected", "argmax", "sample")


class Actions(NamedTuple):
    """The actions of all nodes: choices (0 or 1), or their probabilities.

    Attributes:
        listen: Whether the node listens (standard or listen), ``[N]``.
        broadcast: Whether the node broadcasts (standard or broadcast), ``[N]``.
        shares: One column for each of :data:`ACTIONS`; rows add up to 1, ``[N, 4]``.
    """

    listen: Tensor
    broadcast: Tensor
    shares: Tensor


def gumbel_noise(
    num_nodes: int,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw what decides the actions of one layer: standard Gumbel numbers, ``[N, 4]``.

    Args:
        num_nodes: N.
        generator: Where the numbers come from; default torch's global generator.
        dtype: Type of the numbers.
        device: Where they are drawn.
    """
    drawn = torch.empty(num_nodes, 4, dtype=dtype, device=device)
    return -drawn.exponential_(generator=generator).log()


def choose(
    logits: Tensor, mode: str, *, noise: Tensor | None = None, temperature: Tensor | float = 1.0
) -> Tensor:
    r"""Choose one of A actions for each row.

    Args:
        logits: ``[..., A]``.
        mode: ``"expected"`` for the probabilities softmax(logits), ``"argmax"`` for the most likely
            action, ``"sample"`` for a draw.
        noise: Gumbel numbers of the shape of ``logits``, for ``"sample"``.
        temperature: Of the gradient of a draw, a number or ``[..., 1]``.

    Returns:
        Probabilities, or ones and zeros, ``[..., A]``. A draw
        :math:`a = \arg\max_i (\ell_i + g_i)` has probability softmax(logits) at any temperature;
        its gradient is that of :math:`\mathrm{softmax}((\ell + g) / \tau)` (straight-through), and
        the value is exactly 0 or 1. The most likely action has no gradient.
    """
    if mode == "expected":
        return logits.softmax(-1)
    if mode == "argmax":
        return _one_hot(logits)
    assert noise is not None
    perturbed = logits + noise
    soft = (perturbed / temperature).softmax(-1)
    return _one_hot(perturbed) + (soft - soft.detach())


def _one_hot(scores: Tensor) -> Tensor:
    best = scores.argmax(-1, keepdim=True)
    return torch.zeros_like(scores).scatter(-1, best, 1.0).detach()


def edge_gate(
    edge_index: Tensor, listen: Tensor, broadcast: Tensor, *, square: bool = True
) -> Tensor:
    """Return what each edge (u, v) lets through: broadcast of u times listen of v, ``[E]``.

    Args:
        edge_index: ``[2, E]`` pairs (source, target).
        listen: Of the targets.
        broadcast: Of the sources.
        square: Whether sources and targets are the same nodes. Then a self-loop lets through
            everything: a node always hears itself.

    >>> edges = torch.tensor([[0, 1, 1], [1, 0, 1]])
    >>> edge_gate(edges, torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0, 1.0]
    """
    source, target = edge_index
    gate = take_rows(broadcast, source) * take_rows(listen, target)
    return torch.where(source == target, 1.0, gate) if square else gate
