"""Adam in one pass over all parameters, where it was made without a choice of its passes."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

__all__ = ["fuse", "is_fused", "part"]

_DTYPES = (torch.float32, torch.float64)  # narrower ones would be rounded at other places
_FUSED: WeakSet[Any] = WeakSet()


def is_fused(optimizer: Any) -> bool:
    """Whether an optimiser is as :func:`fuse` has left it."""
    return optimizer in _FUSED and all(group["fused"] for group in optimizer.param_groups)


def fuse(optimizer: Any) -> str | None:
    """Let an optimiser update its parameters in one pass, in place, or say why it cannot."""
    if type(optimizer) not in (Adam, AdamW):
        return "Adam and AdamW are accelerated"
    for group in optimizer.param_groups:
        reason = _refusal(group, optimizer.state)
        if reason is not None:
            return reason
    for group in optimizer.param_groups:
        group["fused"] = True
    _FUSED.add(optimizer)
    return None


def part(optimizer: Any) -> None:
    """Take back what :func:`fuse` did."""
    _FUSED.discard(optimizer)
    for group in optimizer.param_groups:
        group["fused"] = None


def _refusal(group: dict[str, Any], state: Any) -> str | None:
    for option in ("foreach", "fused", "capturable", "differentiable"):
        if group[option] is not None and (group[option] or option in ("foreach", "fused")):
            return f"{option}={group[option]}: made with a choice of its own"
    if isinstance(group["lr"], Tensor):
        return "lr: a tensor"
    for parameter in group["params"]:
        if parameter.dtype not in _DTYPES:
            return f"a parameter of {parameter.dtype}; those of float32 and float64 are fused"
        if parameter.device.type not in ("cpu", "cuda"):
            return f"a parameter on {parameter.device.type}; those on cpu and cuda are fused"
        if parameter.is_cuda and state.get(parameter):
            return "it has taken steps on a GPU; it is fused before the first"
    return None
