"""Which versions of Python and of the packages decided a number."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

__all__ = ["versions"]

_PACKAGES = ("graphpoly", "torch", "torch-geometric", "ogb", "numpy", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the numbers."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


@functools.cache  # whoever saves asks, and each answer is searched for in files
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # such as a source tree that is not installed
        return "unknown"
