"""Which kernels are there, and why one is not."""

from __future__ import annotations

from typing import Any

import graphpoly.ops._extension as _extension
import graphpoly.ops.triton as _triton

__all__ = ["backends"]


def backends() -> dict[str, dict[str, Any]]:
    """Return each backend with ``available`` and the ``reason`` where it is not.

    ``reference`` is plain PyTorch and serves every device; ``cpp`` holds the CPU kernels,
    ``triton`` the CUDA kernels.
    """
    return {
        "reference": {"available": True, "reason": ""},
        "cpp": _extension.status(),
        "triton": _triton.status(),
    }
