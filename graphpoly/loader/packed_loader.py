"""Batches of packed graphs, in the order of torch's samplers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from torch_geometric.data import Batch

from graphpoly.devices import steps_on_cpu
from graphpoly.loader.cpu_batches import CPUBatches
from graphpoly.loader.packed import PackedDataset

__all__ = ["PackedLoader"]


class PackedLoader(CPUBatches, DataLoader[Any]):
    """Batches of packed graphs, as ``torch_geometric.loader.DataLoader`` gives them.

    The order of the graphs is torch's: the same under the same generator. Nothing but the way in
    which a batch is joined is another, so that workers are seldom of use.

    Args:
        dataset: A :class:`PackedDataset`, or what it is made of.
        batch_size: Graphs in a batch.
        shuffle: Whether each epoch has an order of its own.
        follow_batch: Attributes that get a vector of graphs and offsets of their own.
        exclude_keys: Attributes to leave out.
        **kwargs: Further arguments of :class:`torch.utils.data.DataLoader`.

    Raises:
        TypeError: See :class:`PackedDataset`.
        ValueError: Likewise, or if ``batch_size`` is None and there is no ``batch_sampler``.

    >>> from torch_geometric.data import Data
    >>> graphs = [Data(x=torch.ones(n, 2)) for n in (1, 2, 3)]
    >>> [batch.num_nodes for batch in PackedLoader(graphs, batch_size=2)]
    [3, 3]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        follow_batch: Sequence[str] | None = None,
        exclude_keys: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("collate_fn", None)  # as PyG's loader does
        if batch_size is None and kwargs.get("batch_sampler") is None:
            raise ValueError("batch_size: got None, expected a number, or a batch_sampler")
        self.follow_batch, self.exclude_keys = follow_batch, exclude_keys
        packed = dataset if isinstance(dataset, PackedDataset) else PackedDataset(dataset)
        gather = functools.partial(
            packed.batch, follow_batch=follow_batch, exclude_keys=exclude_keys
        )
        super().__init__(packed, batch_size, shuffle, collate_fn=gather, **kwargs)

    def __iter__(self) -> Any:
        """Go through the batches of an epoch."""
        batches: Any = self.batch_sampler
        if self.num_workers or self.pin_memory or batches is None:
            return super().__iter__()
        # what torch's loader draws for its workers; the order of the graphs is drawn after it
        torch.empty((), dtype=torch.int64, device="cpu").random_(generator=self.generator)
        if _has_each(batches, self.dataset):
            return _Epoch(self._in_order(batches), batches)
        return _Epoch(steps_on_cpu(lambda: map(self.collate_fn, batches)), batches)

    def _in_order(self, batches: Any) -> Iterator[Batch]:
        """The batches of an order that is known as a whole when it begins."""
        followed, excluded = set(self.follow_batch or ()), set(self.exclude_keys or ())
        packed: Any = self.dataset
        numbers = steps_on_cpu(lambda: iter(batches.sampler))
        # a third of the time of a list and a tensor of it
        drawn = np.fromiter(itertools.islice(numbers, len(packed)), np.int64)
        order = torch.from_numpy(drawn)
        for graphs in order.split(batches.batch_size):
            if len(graphs) < batches.batch_size:
                next(numbers, None)  # asked for more than there are, the sampler draws once more
                if batches.drop_last:
                    return
            yield packed.gathered(graphs, followed, excluded)
        next(numbers, None)


class _Epoch(Iterator[Batch]):
    """The batches of an epoch, which say how many they are, as torch's do."""

    def __init__(self, steps: Iterator[Batch], order: Any) -> None:
        self._steps, self._order = steps, order

    def __next__(self) -> Batch:
        return next(self._steps)

    def __len__(self) -> int:
        return len(self._order)


def _has_each(batches: Any, dataset: Any) -> bool:
    """Whether these are torch's batches of a sampler that gives the number of each graph once."""
    if type(batches) is not BatchSampler:
        return False
    sampler: Any = batches.sampler
    if type(sampler) is RandomSampler:
        whole = not sampler.replacement and sampler.num_samples == len(dataset)
    else:
        whole = type(sampler) is SequentialSampler
    return whole and len(sampler.data_source) == len(dataset)
