"""Rows that stay in memory, and the choice of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

__all__ = ["HotRows", "hottest"]

_Group = TypeVar("_Group")


class HotRows:
    """Rows of some nodes of a group, and where each is.

    Args:
        nodes: Which, ``[H]``.
        rows: By attribute, ``[H, ...]``.
        num_nodes: Of the group.
    """

    def __init__(self, nodes: Tensor, rows: Mapping[Any, Tensor], num_nodes: int) -> None:
        self.nodes, self.rows = nodes, dict(rows)
        self._slot = torch.full((num_nodes,), -1, dtype=torch.int32, device="cpu")
        self._slot[nodes] = torch.arange(nodes.numel(), dtype=torch.int32, device="cpu")

    def without_rows(self) -> HotRows:
        """Return what tells the nodes that are held from others, and no more."""
        return HotRows(self.nodes.clone(), {}, self._slot.numel())

    def split(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return where in ``nodes`` those held are, where among the rows, and where the others."""
        slot = self._slot[nodes]
        held = (slot >= 0).nonzero().view(-1)
        return held, slot[held].long(), (slot < 0).nonzero().view(-1)

    def joined(self, name: Any, split: tuple[Tensor, Tensor, Tensor], others: Tensor) -> Tensor:
        """Return the rows of the nodes that were split, those not held being given."""
        held, slot, rest = split
        if not held.numel():
            return others
        out = others.new_empty(held.numel() + rest.numel(), *others.shape[1:])
        if out.numel():
            size = out[0].numel() * out.element_size()
            raw = _raw(out, size)
            raw[held.numpy()] = _raw(self.rows[name], size)[slot.numpy()]
            raw[rest.numpy()] = _raw(others, size)
        return out


def _raw(rows: Tensor, size: int) -> Any:
    """Rows as elements of so many bytes, whatever their type."""
    flat: Any = rows.reshape(-1).view(torch.uint8).numpy()
    return flat.view(np.dtype((np.void, size)))


def hottest(
    scores: Mapping[_Group, Tensor], row_bytes: Mapping[_Group, int], budget: int
) -> dict[_Group, Tensor]:
    """Choose the nodes of the highest scores whose rows fit, over all groups at once.

    Args:
        scores: Of the nodes of each group, ``[N]``; only those above 0 are chosen.
        row_bytes: What a row of the group takes.
        budget: Bytes in all.

    Returns:
        The nodes of each group in order. Of equal scores the first counts.

    >>> hottest({None: torch.tensor([1, 5, 0, 5])}, {None: 8}, 23)
    {None: tensor([1, 3])}
    """
    kinds: Sequence[Any] = list(scores)
    score = torch.cat([scores[kind] for kind in kinds])
    sizes = [scores[kind].numel() for kind in kinds]
    each = torch.tensor([row_bytes[kind] for kind in kinds], device="cpu")
    cost = each.repeat_interleave(torch.tensor(sizes, device="cpu"))
    order = score.sort(descending=True, stable=True).indices
    order = order[score[order] > 0]
    fits = cost[order].cumsum(0) <= budget
    chosen = torch.zeros(score.numel(), dtype=torch.bool, device="cpu")
    chosen[order[fits]] = True
    parts = chosen.split(sizes)
    return {kind: part.nonzero().view(-1) for kind, part in zip(kinds, parts, strict=True)}
