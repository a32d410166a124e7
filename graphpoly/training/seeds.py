"""One call that seeds everything, and the state of everything it seeded."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from graphpoly.distributed import rank, size

__all__ = ["deterministic", "own_draws", "rng_state", "seed_everything", "set_rng_state"]
__all__ += ["training_seed"]

_SEED_LIMIT = 2**32


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch (every device).

    Args:
        seed: From 0 to 2**32 - 1, the range that all of them accept.

    Example:
        >>> seed_everything(7)
        >>> first = torch.rand(3)
        >>> seed_everything(7)
        >>> torch.equal(first, torch.rand(3))
        True
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer, got {seed!r}")
    if not 0 <= seed < _SEED_LIMIT:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, got {seed}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - PyG and users still draw from the global generator
    torch.manual_seed(seed)


def training_seed(seed: int) -> int:
    """Return the seed of the training phase of a run.

    It differs from ``seed`` itself, with which the caller has usually initialised the weights: the
    first dropout masks must not be a function of the numbers that became those weights.
    """
    return random.Random(f"graphpoly training {seed}").getrandbits(32)


def rng_state() -> dict[str, Any]:
    """Return the state of all generators, in types that ``torch.load`` reads without pickle."""
    legacy: Any = np.random.get_state()  # noqa: NPY002
    name, keys, position, has_gauss, gauss = legacy
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what :func:`rng_state` returned; devices that are gone are left out."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    legacy = (name, keys.numpy().astype(np.uint32), position, has_gauss, cached)
    np.random.set_state(legacy)  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available():
        for device, device_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(device_state, device)


@contextmanager
def own_draws() -> Iterator[None]:
    """Give each of several processes a stream of its own inside the block.

    All begin with the same state of the generators and, after it, have the same one again: that of
    a checkpoint says what each of them draws next. One process alone goes on with its stream.
    """
    if size() == 1:
        yield
        return
    drawn = int(torch.randint(2**62, (), device="cpu"))
    common = rng_state()
    seed_everything(random.Random(f"graphpoly process {rank()} {drawn}").getrandbits(32))
    try:
        yield
    finally:
        set_rng_state(common)


@contextmanager
def deterministic(enabled: bool) -> Iterator[None]:
    """Ask PyTorch for deterministic algorithms inside the block; an op that has none raises."""
    if not enabled:
        yield
        return
    # cuBLAS reads this when it starts; without it deterministic matrix products raise on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
