"""Which part of a batch, and which batches, belong to this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypeVar

import torch.utils.data
from torch import Tensor

from graphpoly.distributed.processes import rank, size

__all__ = ["BatchShares", "Stretch", "is_divided", "share", "stretch"]

Rows = TypeVar("Rows", Tensor, list[int])


def is_divided(count: int) -> bool:
    """Return whether a batch of so many rows is divided.

    No process may be left without any; nor may all have one, of which norms make no batch.
    """
    return 1 < size() < count


def share(rows: Rows) -> Rows:
    """Return the rows of a batch that are this process's; all of them if the batch is not divided.

    The shares are contiguous, and their sizes differ by one at most.

    >>> share([3, 1, 2])  # one process has all of it
    [3, 1, 2]
    """
    if not is_divided(len(rows)):
        return rows
    mine = stretch(len(rows))
    return rows[mine.start : mine.stop]


def stretch(count: int) -> range:
    """Return this process's of so many things in a row.

    >>> stretch(4)
    range(0, 4)
    """
    return range(count * rank() // size(), count * (rank() + 1) // size())


class BatchShares(torch.utils.data.Sampler[list[int]]):
    """This process's share of each batch of a sampler.

    Args:
        batches: Gives the same batches in every process.
    """

    def __init__(self, batches: Any) -> None:
        self.batches: Iterable[list[int]] = batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield share(batch)

    def __len__(self) -> int:
        assert isinstance(self.batches, Sized)
        return len(self.batches)


class Stretch(torch.utils.data.Sampler[int]):
    """This process's rows where whole batches are dealt out in a row.

    A batch is computed as one process alone would compute it, to the last bit.

    Args:
        rows: Whose number counts.
        batch_size: Rows in a batch; the last one may have fewer.

    >>> list(Stretch("abc", 2))
    [0, 1, 2]
    """

    def __init__(self, rows: Sequence[Any] | Sized, batch_size: int) -> None:
        self._rows, self._batch_size = rows, batch_size

    def __iter__(self) -> Iterator[int]:
        return iter(self._range())

    def __len__(self) -> int:
        return len(self._range())

    def _range(self) -> range:
        count, each = len(self._rows), self._batch_size
        mine = stretch(-(-count // each))
        return range(min(mine.start * each, count), min(mine.stop * each, count))
