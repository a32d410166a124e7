"""Every test here runs the Triton kernels: on the CPU in its interpreter, on CUDA as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import graphpoly.ops.triton as backend
from tests.conftest import DEVICE
from tests.ops.triton.compare import GRAPHS, SQUARE


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave for `make test-slow` what the interpreter only repeats, at length, of what others show.

    That is graphs of short rows, or of a second long one, in the way that is for long ones; and of
    what reads one graph, the way that is for short ones, in which its short rows go in either case.
    """
    if DEVICE != "cpu":
        return
    graphs = GRAPHS.keys() | SQUARE.keys()
    for item in items:
        words = set(item.name.rstrip("]").replace("[", "-").split("-"))
        if item.path.parent != Path(__file__).parent:
            continue
        in_chunks = "rows in chunks" in words and {"isolated", "duplicates", "star"} & words
        if in_chunks or ("whole rows" in words and not words & graphs):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter cuts float32 to bfloat16, where every device rounds to the nearest."""
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    cut = interpreter.InterpreterBuilder.create_fp_trunc

    def rounded(self: Any, source: Any, target: Any) -> Any:
        kept = cut(self, source, target)
        if kept.dtype.name == "bf16" and source.dtype.name == "fp32":
            nearest = torch.from_numpy(source.data).to("cpu", torch.bfloat16)
            kept.data = nearest.view(torch.uint16).numpy().reshape(kept.data.shape)
        return kept

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_fp_trunc", rounded)


@pytest.fixture(autouse=True)
def _kernels() -> Iterator[None]:
    pytest.importorskip("triton", reason="triton is not installed")
    if DEVICE != "cpu":
        assert backend.status()["available"], backend.status()["reason"]
        yield
        return
    if fault := backend.interpreter_fault():
        pytest.skip(fault)
    with backend.interpreted():
        yield


@pytest.fixture(params=[1024, 7], ids=["whole rows", "rows in chunks"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows longer than this go in chunks."""
    from graphpoly.ops.triton import blocks

    monkeypatch.setattr(blocks, "LONG", request.param)
    return request.param


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    """Memory is NaN before it is written: what a kernel leaves out shows."""
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = before
