"""graphpoly: learnable polynomial filters and a fused sparse core for PyTorch Geometric.

>>> import graphpoly
>>> conv = graphpoly.FavardConv(16, 7, K=10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphpoly.layers import FavardConv, OptBasisConv, PolynomialConv
    from graphpoly.models import FavardGNN, OptBasisGNN

# name -> module that defines it; imported when first asked for, so that `import graphpoly` is quick
_LAZY = {
    "FavardConv": "graphpoly.layers",
    "OptBasisConv": "graphpoly.layers",
    "PolynomialConv": "graphpoly.layers",
    "FavardGNN": "graphpoly.models",
    "OptBasisGNN": "graphpoly.models",
}
_ROOMS = ("bases", "compat", "data", "layers", "models", "ops", "recipes", "testing", "training")

__all__ = ["FavardConv", "FavardGNN", "OptBasisConv", "OptBasisGNN", "PolynomialConv"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"graphpoly.{name}")
    raise AttributeError(f"module 'graphpoly' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ROOMS})
