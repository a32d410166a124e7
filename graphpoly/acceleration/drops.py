"""Dropout that a network calls as a function, on our operator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from graphpoly.ops.sparse_input import dropped_input

__all__ = ["apart", "dropped", "dropping"]


def dropped(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Return :func:`torch.nn.functional.dropout`, by our operator where it serves the input."""
    if inplace or not isinstance(input, Tensor) or not input.is_floating_point():
        return F.dropout(input, p, training, inplace)
    return dropped_input(input, p, training)


class _Drops(TorchFunctionMode):
    """Sends ``F.dropout`` to our operator, and all else where it was going."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is F.dropout and _runs_once():
            return dropped(*args, **(kwargs or {}))
        return func(*args, **kwargs) if kwargs else func(*args)


_DROPS = _Drops()


def _runs_once() -> bool:
    """Whether no checkpoint will run this again in the backward pass, where the mode is off."""
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    return torch.is_grad_enabled() and hooks is None


def dropping() -> AbstractContextManager[Any]:
    """Return what sees to the dropout that is called in this thread from here on."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or _is_on():
        return nullcontext()
    return _DROPS


def apart(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method whose many small calls do not pass through a network's mode."""

    @functools.wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling() or not _is_on():
            return forward(*args, **kwargs)
        torch._C._pop_torch_function_stack()
        try:
            return forward(*args, **kwargs)
        finally:
            torch._C._push_on_torch_function_stack(_DROPS)

    return run


def _is_on() -> bool:
    """Whether the mode is the innermost one."""
    depth = torch._C._len_torch_function_stack()
    return depth > 0 and torch._C._get_function_stack_at(depth - 1) is _DROPS
