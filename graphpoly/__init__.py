"""graphpoly: learnable polynomial filters and a fused sparse core for PyTorch Geometric.

>>> import graphpoly
>>> conv = graphpoly.FavardConv(16, 7, K=10)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# The names are those of these rooms, each of which lists its own. A room is imported when something
# of it is first asked for, so that `import graphpoly` is quick; type checkers read the same lists.
_EXPORTED = ("acceleration", "layers", "models", "rewiring")

if TYPE_CHECKING:
    from graphpoly import acceleration as acceleration
    from graphpoly import bases as bases
    from graphpoly import compat as compat
    from graphpoly import data as data
    from graphpoly import distributed as distributed
    from graphpoly import exams as exams
    from graphpoly import expressivity as expressivity
    from graphpoly import features as features
    from graphpoly import kernels as kernels
    from graphpoly import layers as layers
    from graphpoly import loader as loader
    from graphpoly import models as models
    from graphpoly import ops as ops
    from graphpoly import pages as pages
    from graphpoly import privacy as privacy
    from graphpoly import recipes as recipes
    from graphpoly import rewiring as rewiring
    from graphpoly import robustness as robustness
    from graphpoly import studies as studies
    from graphpoly import testing as testing
    from graphpoly import training as training
    from graphpoly.acceleration import *  # noqa: F403
    from graphpoly.layers import *  # noqa: F403
    from graphpoly.models import *  # noqa: F403
    from graphpoly.rewiring import *  # noqa: F403


def _modules() -> dict[str, bool]:
    """Return all modules below this one, and whether each is a room."""
    import pkgutil

    return {found.name: found.ispkg for found in pkgutil.iter_modules(__path__)}  # noqa: F405


def _rooms() -> list[str]:
    return [name for name, is_room in _modules().items() if is_room and name != "cli"]


def _exported() -> dict[str, Any]:
    """Return what the rooms export, by name."""
    import importlib

    found = {}
    for room in _EXPORTED:
        module = importlib.import_module(f"graphpoly.{room}")
        found.update({name: getattr(module, name) for name in module.__all__})
    return found


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted([*_exported(), *_rooms()])
    if not name.startswith("_"):
        import importlib

        # before the names of the rooms: looking a module up must not import torch
        if name in _modules():
            return importlib.import_module(f"graphpoly.{name}")
        for room in _EXPORTED:
            module = importlib.import_module(f"graphpoly.{room}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'graphpoly' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_exported(), *_rooms(), "__version__"])
