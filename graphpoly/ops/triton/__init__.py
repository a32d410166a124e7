"""The CUDA kernels, in Triton: one operator a file, imported when it is first called.

Nothing here imports Triton. :func:`load` puts a small function on the ``CUDA`` key of every
operator in :data:`KERNELS`; its first call imports the file with the kernel. Operators that are not
listed run their reference, which for ``lanczos`` and ``column_space`` is made of ``spmm_sum`` and
PyTorch's batched operations.

The kernels are checked in Triton's interpreter, on the CPU, against the reference; ``make
gpu-check`` runs the same tests on a CUDA device.

Environment:
    GRAPHPOLY_BACKEND: ``reference`` leaves the kernels out.
    GRAPHPOLY_TRITON_INTERPRET: ``1`` puts them on the ``CPU`` key as well, run by Triton's
        interpreter: for tests, thousands of times slower. TRITON_INTERPRET must be 1, too.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch

from graphpoly.ops.library import check_devices

__all__ = ["KERNELS", "interpreted", "kernel", "load", "status"]

# operator -> the file that holds it; the function is called like the operator
KERNELS = {
    "coo_to_csr": "coo_to_csr",
    "spmm_sum": "spmm_sum",
    "spmm_max": "spmm_max",
    "spmm_max_backward": "spmm_max",
    "sddmm": "sddmm",
    "polynomial": "polynomial",
    "polynomial_moments": "polynomial",
    "attention": "attention",
    "attention_backward": "attention_backward",
    "multi_aggregate": "multi_aggregate",
    "multi_aggregate_backward": "multi_aggregate_backward",
    "segment_softmax": "segment",
    "segment_softmax_backward": "segment",
    "segment_logsumexp": "segment",
    "common_neighbors": "common_neighbors",
}

_REGISTERED: dict[str, torch.library.Library] = {}


def status() -> dict[str, Any]:
    """Return ``available`` and, where the kernels are not, the ``reason``."""
    reason = _missing()
    if not reason and not torch.cuda.is_available():
        reason = "no CUDA device"
    return {"available": not reason, "reason": reason}


def _missing() -> str:
    if os.environ.get("GRAPHPOLY_BACKEND", "").strip().lower() == "reference":
        return "GRAPHPOLY_BACKEND=reference"
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed; CUDA tensors use the reference"
    return ""


def load() -> None:
    """Register the kernels once, on the keys that can serve them."""
    if not _missing() and "CUDA" not in _REGISTERED:
        _REGISTERED["CUDA"] = _register("CUDA")
    wanted = os.environ.get("GRAPHPOLY_TRITON_INTERPRET", "").strip() not in ("", "0")
    if wanted and "CPU" not in _REGISTERED:
        _check_interpreter()
        _REGISTERED["CPU"] = _register("CPU")


@contextlib.contextmanager
def interpreted() -> Iterator[None]:
    """Within this context CPU tensors go through the interpreted kernels: for tests.

    A context within another changes nothing.

    Raises:
        RuntimeError: If Triton was imported as a compiler already.
    """
    _check_interpreter()
    if "CPU" in _REGISTERED:
        yield
        return
    _REGISTERED["CPU"] = _register("CPU")
    try:
        yield
    finally:
        _REGISTERED.pop("CPU")._destroy()


def kernel(name: str) -> Callable[..., Any]:
    """Return the function behind operator ``name``; imports Triton.

    Raises:
        KeyError: If the operator has no kernel here.
    """
    return getattr(_module(KERNELS[name]), name)


@functools.cache
def _module(name: str) -> ModuleType:
    return importlib.import_module(f"graphpoly.ops.triton.{name}")


def _register(key: str) -> torch.library.Library:
    library = torch.library.Library("graphpoly", "IMPL")
    for name in KERNELS:
        library.impl(name, _deferred(name), key)
    return library


def _deferred(name: str) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        check_devices(name, arguments)
        first = arguments[0]
        if not first.is_cuda:
            return kernel(name)(*arguments)
        if first.device.index == torch.cuda.current_device():
            return kernel(name)(*arguments)
        with torch.cuda.device(first.device):  # Triton launches on the current device
            return kernel(name)(*arguments)

    return call


def _check_interpreter() -> None:
    if os.environ.get("TRITON_INTERPRET") != "1":
        raise RuntimeError("the interpreter needs TRITON_INTERPRET=1 before Triton is imported")
    if importlib.util.find_spec("triton") is None:
        raise RuntimeError("triton is not installed")
    if fault := interpreter_fault():
        raise RuntimeError(fault)


def interpreter_fault() -> str:
    """Say why the interpreter of the installed Triton cannot run, or nothing where it can."""
    held = [importlib.import_module(name).__version__ for name in ("triton", "numpy")]
    triton, numpy = (tuple(map(int, each.split(".")[:2])) for each in held)
    if triton < (3, 7) and numpy >= (2, 4):
        return (
            f"the interpreter of Triton {held[0]} makes whole numbers of arrays, which NumPy "
            f"{held[1]} refuses; take Triton 3.7 or NumPy below 2.4"
        )
    return ""
