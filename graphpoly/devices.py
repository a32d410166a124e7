"""Where new tensors are made, and which numbers are drawn there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["on_cpu", "seeded_on_cpu", "steps_on_cpu"]

T = TypeVar("T")


@contextmanager
def on_cpu() -> Iterator[None]:
    """Make new tensors on the CPU, in a block or a decorated function, whatever torch's default is.

    Around a network only where that is on the CPU, too: it may make new tensors of its own.

    >>> with torch.device("meta"), on_cpu():
    ...     torch.ones(2).device
    device(type='cpu')
    """
    if torch.get_default_device().type == "cpu":  # torch asks at every call whether it says so
        yield
        return
    with torch.device("cpu"):
        yield


@contextmanager
def seeded_on_cpu(seed: int) -> Iterator[None]:
    """Draw on the CPU as after ``torch.manual_seed(seed)``, and behind the block as before it.

    ``torch.manual_seed`` itself seeds every other device, for good, and where there is none notes
    the stack for it at each call, which takes milliseconds.

    >>> before = torch.get_rng_state()
    >>> with seeded_on_cpu(3):
    ...     first = torch.rand(2)
    >>> torch.equal(first, torch.rand(2, generator=torch.Generator().manual_seed(3)))
    True
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def steps_on_cpu(begin: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Go through what ``begin`` returns, each step made as in :func:`on_cpu`; not what is between.

    >>> with torch.device("meta"):
    ...     [step.device.type for step in steps_on_cpu(lambda: map(torch.ones, [1, 2]))]
    ['cpu', 'cpu']
    """
    if torch.get_default_device().type == "cpu":
        return begin()
    with on_cpu():
        steps = begin()
    return _asked_on_cpu(steps)


def _asked_on_cpu(steps: Iterator[T]) -> Iterator[T]:
    end = object()
    while True:
        with on_cpu():
            step = next(steps, end)
        if step is end:
            return
        yield step  # type: ignore[misc]
