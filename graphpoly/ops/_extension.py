"""Finds and loads the compiled kernels, and knows why where it cannot.

``setup.py`` leaves two files beside the package: the library, and ``_C.json`` with how it was
built, or why it was not. Loading only registers kernels on the ``CPU`` key; nothing is compiled
here, and nothing here raises. Where they are missing, the first operator that runs without them on
a CPU says so, once.

Environment:
    GRAPHPOLY_BACKEND: ``reference`` leaves the kernels out, and says nothing of it.
    GRAPHPOLY_DISABLE_EXT: ``1`` does the same.
    GRAPHPOLY_SIMD: ``generic`` or ``avx2`` keeps the kernels to that instruction set.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
from pathlib import Path
from typing import Any

import torch

__all__ = ["load", "say_what_is_missing", "status"]

_PACKAGE = Path(__file__).resolve().parent.parent
_LOGGER = logging.getLogger("graphpoly")
_STATUS: dict[str, Any] | None = None
_CHOSEN = ("GRAPHPOLY_BACKEND=reference", "GRAPHPOLY_DISABLE_EXT is set")
_said = False


def status() -> dict[str, Any]:
    """Return what is known of the compiled kernels, loading them if nobody has yet.

    Returns:
        ``available``; ``reason``, empty where they are available; ``path`` of the library,
        relative to the package; ``torch`` and ``compiler`` it was built with; ``flags``; ``simd``,
        the instruction set in use.
    """
    return dict(load())


def load() -> dict[str, Any]:
    """Load the kernels once. See :func:`status`."""
    global _STATUS
    if _STATUS is None:
        _STATUS = _load()
    return _STATUS


def say_what_is_missing() -> None:
    """Log one line with the cure, the first time in a process, unless somebody chose it so."""
    global _said
    if _said:
        return
    _said = True
    found = load()
    if not found["available"] and found["reason"] not in _CHOSEN:
        _LOGGER.warning(
            "graphpoly runs on plain PyTorch, several times slower, for it has no compiled kernels "
            "(%s); with torch and a C++20 compiler at hand, `pip install --no-build-isolation "
            "--no-deps --force-reinstall` of it builds them; GRAPHPOLY_BACKEND=reference hides "
            "this line",
            found["reason"],
        )


def _load() -> dict[str, Any]:
    record = _build_record()
    found: dict[str, Any] = {
        "available": False,
        "reason": "",
        "path": None,
        "torch": record.get("torch"),
        "compiler": record.get("compiler"),
        "flags": record.get("flags"),
        "simd": None,
    }
    if os.environ.get("GRAPHPOLY_BACKEND", "").strip().lower() == "reference":
        return {**found, "reason": _CHOSEN[0]}
    if os.environ.get("GRAPHPOLY_DISABLE_EXT", "").strip() not in ("", "0"):
        return {**found, "reason": _CHOSEN[1]}
    libraries = sorted(_PACKAGE.glob("_C*.so")) + sorted(_PACKAGE.glob("_C*.pyd"))
    if not libraries:
        reason = record.get("reason") or "not built: setup.py has not run in this checkout"
        return {**found, "reason": reason}
    library = libraries[0]
    found["path"] = library.name
    try:
        torch.ops.load_library(str(library))
        simd = ctypes.CDLL(str(library)).graphpoly_simd
        simd.restype = ctypes.c_char_p
        found["simd"] = simd().decode()
    except Exception as error:  # whatever is wrong with the file, the reference still works
        built = f" (built with torch {record['torch']})" if record.get("torch") else ""
        return {**found, "reason": f"{library.name} does not load{built}: {error}"}
    return {**found, "available": True}


def _build_record() -> dict[str, Any]:
    try:
        record = json.loads((_PACKAGE / "_C.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
