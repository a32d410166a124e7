"""The processes that work on one thing, and how they stay of one mind.

Where no process group has been made there is one process, and nothing here does more than call what
it was given.
"""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["anyone", "from_first", "gather_rows", "in_turn", "is_first", "launched"]
__all__ += ["process_device", "rank", "size", "sum_counts"]

T = TypeVar("T")

# The first process may rewire a dataset while the others wait. That a process has ended is noticed
# at once, by its closed connections and by torchrun.
_PATIENCE = timedelta(hours=12)
_MEETING = timedelta(minutes=5)  # torchrun is there before its processes are, or it has ended


def size() -> int:
    """Return the number of processes; 1 where there is no group of them."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if size() > 1 else 0


def is_first() -> bool:
    """Return whether this is process 0: the one that writes files and speaks to the user."""
    return rank() == 0


@contextmanager
def launched() -> Iterator[None]:
    """Join the processes that ``torchrun`` started, as long as the block lasts.

    gloo carries what lies on the CPU, NCCL what lies on GPUs. Where torchrun has started no other
    process nothing happens.

    Raises:
        ConnectionError: If another process has ended meanwhile, or torchrun itself before it.
    """
    alone = not dist.is_available() or not dist.is_torchelastic_launched()
    if alone or int(os.environ["WORLD_SIZE"]) == 1 or dist.is_initialized():
        yield
        return
    cuda = torch.cuda.is_available() and dist.is_nccl_available()
    try:
        _meet("cpu:gloo,cuda:nccl" if cuda else "gloo")
        yield
    except RuntimeError as error:
        if "gloo" not in str(error) and not isinstance(error, dist.DistError):
            raise
        raise ConnectionError("another process has ended; what it said is the reason") from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _meet(backend: str) -> None:
    """Make the group. Who is left over from a torchrun that was killed does not wait for it."""
    store, number, count = next(dist.rendezvous("env://", timeout=_MEETING))
    store.set_timeout(_PATIENCE)
    store = dist.PrefixStore("graphpoly", store)
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=_PATIENCE)


def process_device(device: torch.device) -> torch.device:
    """Return the device of this process among several: the GPU that has its local number.

    Raises:
        ValueError: If all of them are given one GPU, or this machine has not one for each.
    """
    if size() == 1 or device.type != "cuda":
        return device
    if device.index is not None:
        raise ValueError(f"device: got {device} for {size()} processes, which take one GPU each")
    local = int(os.environ.get("LOCAL_RANK") or rank())
    count = torch.cuda.device_count()
    if local >= count:
        raise ValueError(
            f"device: process {local} of this machine has no GPU, there are {count}; "
            "start fewer processes, or give cpu"
        )
    chosen = torch.device("cuda", local)
    torch.cuda.set_device(chosen)
    return chosen


def from_first(function: Callable[[], T]) -> T:
    """Call a function in the first process, and return what it returned in all of them.

    What it raises is raised in all of them; in the others the error has an attribute ``told``, for
    one process is enough to say it.

    Args:
        function: What it returns has to be picklable.
    """
    if size() == 1:
        return function()
    told: list[Any] = [None, None]
    if is_first():
        try:
            told = [function(), None]
        except Exception as error:
            dist.broadcast_object_list([None, _portable(error)])
            raise
    dist.broadcast_object_list(told)
    value, failure = told
    if failure is not None:
        failure.told = True
        raise failure
    result: T = value
    return result


def in_turn(function: Callable[[], T]) -> T:
    """Call a function in all processes, in the others once the first has done.

    Files that it makes, such as those of a dataset, are made once where the disk is shared.
    """
    if size() == 1:
        return function()
    found: list[T] = []
    from_first(lambda: found.append(function()))
    return found[0] if found else function()


def anyone(flag: bool) -> bool:
    """Return whether the flag of any process is set."""
    if size() == 1:
        return flag
    flags = torch.tensor(int(flag), device="cpu")
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return bool(flags)


def sum_counts(counts: Sequence[int]) -> list[int]:
    """Return numbers summed over the processes, of which each has as many.

    >>> sum_counts([3, 4])  # one process alone
    [3, 4]
    """
    if size() == 1:
        return list(counts)
    told = torch.tensor(counts, dtype=torch.int64, device="cpu")
    dist.all_reduce(told)
    found: list[int] = told.tolist()
    return found


def gather_rows(parts: Sequence[Tensor]) -> Tensor:
    """Join tensors of the CPU along their rows: those of process 0 first, in every process.

    Args:
        parts: Those of this process, which may have none.
    """
    mine = torch.cat(list(parts)) if parts else None
    if size() == 1:
        assert mine is not None
        return mine
    held: list[Tensor | None] = [None] * size()
    dist.all_gather_object(held, mine)
    return torch.cat([part for part in held if part is not None])


def _portable(error: Exception) -> Exception:
    try:
        pickle.dumps(error)
        copy.copy(error)  # is made anew as unpickling makes it
    except Exception:  # such as one whose constructor takes something else than its message
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
