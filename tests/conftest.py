"""Shared fixtures: real datasets where they are at hand, one seed and one device for all.

Environment:
    GRAPHPOLY_DATA: root of the real datasets.
    GRAPHPOLY_TEST_DEVICE: where tensors are made, default ``cpu``; ``cuda`` in ``make gpu-check``.
"""

from __future__ import annotations

import functools
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stand_in import StandIn

DEVICE = os.environ.get("GRAPHPOLY_TEST_DEVICE", "cpu")
if DEVICE == "cpu":
    # the kernels for CUDA run in an interpreter; Triton asks only once, when it is imported
    os.environ.setdefault("TRITON_INTERPRET", "1")

import torch  # noqa: E402 - and PyG with it, which imports Triton
import typer.testing  # noqa: E402

if DEVICE != "cpu" and torch.cuda.is_available():
    torch.set_default_device(DEVICE)
    torch.backends.cudnn.allow_tf32 = False  # a float32 is one, as in products


def _nothing(*_: object) -> None:
    return None


# Each seed is kept for devices that are not there, with the stack of who gave it: a twenty-fifth of
# the time. And no test is about a machine that loses power.
for _device in (torch.cuda, torch.xpu, torch.mtia):
    if not _device.is_available():
        _device.manual_seed_all = _nothing
os.fsync = _nothing
typer.testing._get_command = functools.cache(typer.testing._get_command)  # else built for each call

# A search for garbage goes through all of torch and of the tests, and finds next to nothing: what a
# test leaves is freed when its last name goes. At Python's own pace it takes a tenth of the time.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what the device cannot run, with the reason."""
    cuda = torch.cuda.is_available()
    if DEVICE != "cpu" and not cuda:
        raise pytest.UsageError(f"GRAPHPOLY_TEST_DEVICE={DEVICE}, but there is no CUDA device")
    for item in items:
        if item.get_closest_marker("gpu") and DEVICE == "cpu":
            item.add_marker(pytest.mark.skip(reason="runs with GRAPHPOLY_TEST_DEVICE=cuda"))
        if item.get_closest_marker("cpu") and DEVICE != "cpu":
            item.add_marker(pytest.mark.skip(reason="about the CPU, whatever the device"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as a terminal gives it, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    if DEVICE != "cpu":  # what a test computes with index_add must not add with atomics
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.manual_seed(0)
    yield
    if DEVICE != "cpu":
        leave_if_lost()


def leave_if_lost() -> None:
    """End a worker whose device refuses all further work: pytest-xdist starts another.

    An assertion that fails on a device would else fail every test that comes after.
    """
    try:
        torch.cuda.synchronize()
    except RuntimeError as error:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            pytest.exit(f"the device is lost: {error}", 3)
        os._exit(3)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Root of real datasets in the layout of PyG's and OGB's loaders."""
    root = os.environ.get("GRAPHPOLY_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("no real datasets: GRAPHPOLY_DATA is not set")
    return Path(root)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Replace the loader of a registered dataset."""
    from tests.stand_in import replaced

    return functools.partial(replaced, monkeypatch)
