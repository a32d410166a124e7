"""graphpoly: learnable polynomial filters and a fused sparse core for PyTorch Geometric.

>>> import graphpoly
>>> conv = graphpoly.FavardConv(16, 7, K=10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphpoly.acceleration import accelerate, restore
    from graphpoly.layers import (
        BernConv,
        ChebIIConv,
        ConnectionMaps,
        ConnectionSheafConv,
        FavardConv,
        FEConv,
        GPRConv,
        JacobiConv,
        LegendreConv,
        MatrixFunctionConv,
        OptBasisConv,
        PathConv,
        PDFConv,
        PLaplacianConv,
        PolynomialConv,
        PolynormerConv,
        SheafConv,
        TFGConv,
        UniFilterConv,
    )
    from graphpoly.models import (
        FEGNN,
        GPRGNN,
        TFGNN,
        BernNet,
        ChebNetII,
        CoGNN,
        FavardGNN,
        JacobiGNN,
        LegendreNet,
        MatrixFunctionGNN,
        OptBasisGNN,
        PathNN,
        PDFNet,
        PLaplacianGNN,
        Polynormer,
        PrecomputedOptBasisGNN,
        SheafNN,
        UniFilterGNN,
    )

# name -> module that defines it; imported when first asked for, so that `import graphpoly` is quick
_LAZY = {
    "BernConv": "graphpoly.layers",
    "ChebIIConv": "graphpoly.layers",
    "CooperativeConv": "graphpoly.layers",
    "ConnectionMaps": "graphpoly.layers",
    "ConnectionSheafConv": "graphpoly.layers",
    "FEConv": "graphpoly.layers",
    "FavardConv": "graphpoly.layers",
    "GPRConv": "graphpoly.layers",
    "JacobiConv": "graphpoly.layers",
    "LegendreConv": "graphpoly.layers",
    "MatrixFunctionConv": "graphpoly.layers",
    "OptBasisConv": "graphpoly.layers",
    "PDFConv": "graphpoly.layers",
    "PLaplacianConv": "graphpoly.layers",
    "PathConv": "graphpoly.layers",
    "PolynomialConv": "graphpoly.layers",
    "PolynormerConv": "graphpoly.layers",
    "SheafConv": "graphpoly.layers",
    "TFGConv": "graphpoly.layers",
    "UniFilterConv": "graphpoly.layers",
    "FEGNN": "graphpoly.models",
    "GPRGNN": "graphpoly.models",
    "TFGNN": "graphpoly.models",
    "BernNet": "graphpoly.models",
    "ChebNetII": "graphpoly.models",
    "CoGNN": "graphpoly.models",
    "FavardGNN": "graphpoly.models",
    "JacobiGNN": "graphpoly.models",
    "LegendreNet": "graphpoly.models",
    "MatrixFunctionGNN": "graphpoly.models",
    "OptBasisGNN": "graphpoly.models",
    "SheafNN": "graphpoly.models",
    "PrecomputedOptBasisGNN": "graphpoly.models",
    "PDFNet": "graphpoly.models",
    "PLaplacianGNN": "graphpoly.models",
    "Polynormer": "graphpoly.models",
    "PathNN": "graphpoly.models",
    "UniFilterGNN": "graphpoly.models",
    "accelerate": "graphpoly.acceleration",
    "restore": "graphpoly.acceleration",
}
_ROOMS = (
    "acceleration",
    "bases",
    "compat",
    "data",
    "features",
    "layers",
    "models",
    "ops",
    "recipes",
    "testing",
    "training",
)

__all__ = [
    "FEGNN",
    "GPRGNN",
    "TFGNN",
    "BernConv",
    "BernNet",
    "ChebIIConv",
    "ChebNetII",
    "CoGNN",
    "ConnectionMaps",
    "ConnectionSheafConv",
    "CooperativeConv",
    "FEConv",
    "FavardConv",
    "FavardGNN",
    "GPRConv",
    "JacobiConv",
    "JacobiGNN",
    "LegendreConv",
    "LegendreNet",
    "MatrixFunctionConv",
    "MatrixFunctionGNN",
    "OptBasisConv",
    "OptBasisGNN",
    "PDFConv",
    "PDFNet",
    "PLaplacianConv",
    "PLaplacianGNN",
    "PathConv",
    "PathNN",
    "PolynomialConv",
    "Polynormer",
    "PolynormerConv",
    "PrecomputedOptBasisGNN",
    "SheafConv",
    "SheafNN",
    "TFGConv",
    "UniFilterConv",
    "UniFilterGNN",
    "accelerate",
    "restore",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"graphpoly.{name}")
    raise AttributeError(f"module 'graphpoly' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ROOMS})
