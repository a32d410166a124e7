"""Whether a module may be left out: what a call of it runs beside its ``forward``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.nn.modules import module as torch_module

__all__ = ["is_hooked", "is_itself_hooked"]

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def is_hooked(*modules: Any) -> bool:
    """Whether a hook of these modules, of a module in them, or of all modules would miss a call.

    So would a ``forward`` that was put on a module itself.
    """
    return torch_module._has_any_global_hook() or _is_hooked(modules)


def is_itself_hooked(module: Any) -> bool:
    """The same of a module alone, whatever those in it have."""
    return torch_module._has_any_global_hook() or _has_hooks(module.__dict__)


def _has_hooks(own: dict[str, Any]) -> bool:
    # a comprehension takes twice as long
    return "forward" in own or any(map(own.__getitem__, _HOOKS))


def _is_hooked(modules: Iterable[Any]) -> bool:
    for module in modules:
        if module is None:  # a place that is left empty
            continue
        if _has_hooks(module.__dict__):
            return True
        if module._modules and _is_hooked(module._modules.values()):
            return True
    return False
