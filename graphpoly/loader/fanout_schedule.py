"""Numbers of neighbours that grow from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_geometric.sampler import NumNeighbors

__all__ = ["FanoutSchedule"]


class FanoutSchedule:
    """Let a loader draw few neighbours in the first epochs, and as many as it is made for later.

    The number of each hop grows evenly from its first to that of the loader. Validation and tests
    belong on a loader without a schedule.

    Args:
        loader: :class:`~graphpoly.loader.NeighborLoader`, :class:`~graphpoly.loader
            .LinkNeighborLoader` or one of PyG's; its own numbers are those of the last epochs.
        first: Neighbours of each hop in the first epoch; where the loader has fewer, those.
        epochs: Number of the first epoch, from 0 on, with all of the loader's own.

    Raises:
        ValueError: If the hops are other than the loader's, a number is negative (-1 is all, to
            which nothing grows), ``epochs`` is below 1, or workers outlive an epoch.

    Complexity: none of its own; an epoch costs what its numbers of neighbours do.

    Borisyuk et al., "LiGNN: Graph Neural Networks at LinkedIn", KDD 2024 (arXiv 2402.11139), adapt
    the numbers of neighbours in training; that they grow evenly is ours.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> from graphpoly.loader import NeighborLoader
    >>> loader = NeighborLoader(Data(edge_index=torch.tensor([[0, 1], [1, 0]])), [15, 10])
    >>> schedule = FanoutSchedule(loader, [3, 2], epochs=4)
    >>> [schedule.set_epoch(epoch) for epoch in range(6)]
    [[3, 2], [6, 4], [9, 6], [12, 8], [15, 10], [15, 10]]
    """

    def __init__(self, loader: Any, first: Sequence[int], epochs: int) -> None:
        nodes = hasattr(loader, "node_sampler")
        self._sampler: Any = loader.node_sampler if nodes else loader.link_sampler
        self._last: NumNeighbors = self._sampler.num_neighbors
        values = self._last.values
        held = [*values.values()] if isinstance(values, dict) else [values]
        if self._last.default is not None:
            held.append(self._last.default)
        if any(len(numbers) != len(first) for numbers in held):
            raise ValueError(f"first: got {len(first)} hops, expected {self._last.num_hops}")
        if min(min(numbers) for numbers in (first, *held)) < 0:
            raise ValueError("first, and the neighbours of the loader: expected none below 0")
        if epochs < 1:
            raise ValueError(f"epochs: got {epochs}, expected at least 1")
        if loader.persistent_workers:
            raise ValueError("loader: its workers are persistent, and would not hear of it")
        self.first, self.epochs = list(first), epochs
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> Any:
        """Set, and return, the numbers of neighbours of an epoch; call it before the epoch."""
        values, default = self._last.values, self._last.default
        now: Any
        if isinstance(values, dict):
            now = {key.to_tuple(): self._of(numbers, epoch) for key, numbers in values.items()}
        else:
            now = self._of(values, epoch)
        default = None if default is None else self._of(default, epoch)
        self._sampler.num_neighbors = NumNeighbors(now, default)
        return now

    def _of(self, last: Sequence[int], epoch: int) -> list[int]:
        share = min(max(epoch, 0) / self.epochs, 1)
        starts = (min(pair) for pair in zip(self.first, last, strict=True))
        return [round(a + share * (b - a)) for a, b in zip(starts, last, strict=True)]
