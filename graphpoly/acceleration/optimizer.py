"""Adam in one pass over all parameters, where it was made without a choice of its passes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

__all__ = ["AcceleratedAdam", "AcceleratedAdamW", "OnePass", "fuse", "part"]

_DTYPES = (torch.float32, torch.float64)  # narrower ones would be rounded at other places


class OnePass:
    """Mixed in before an optimiser; its steps are PyTorch's where the one pass would be wrong.

    That pass walks through the memory of a parameter, its gradient and its moments alike, whatever
    their strides. A group in which they differ is updated without it from then on.
    """

    original: ClassVar[type]

    param_groups: list[dict[str, Any]]  # of every optimiser

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__name__ = cls.original.__name__  # pickle looks for __qualname__, which stays

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        found: bool = super()._init_group(group, *lists)  # type: ignore[misc]
        *moments, _ = lists  # and the counts of steps
        if group["fused"] and not all(map(_alike, zip(*filter(None, moments), strict=True))):
            group["fused"] = None
        return found


class AcceleratedAdam(OnePass, Adam):
    """:class:`torch.optim.Adam` in one pass."""

    original = Adam


class AcceleratedAdamW(OnePass, AdamW):
    """:class:`torch.optim.AdamW` in one pass."""

    original = AdamW


_FUSED = {kind.original: kind for kind in (AcceleratedAdam, AcceleratedAdamW)}


def fuse(optimizer: Any) -> str | None:
    """Let an optimiser update its parameters in one pass, in place, or say why it cannot."""
    if isinstance(optimizer, OnePass):  # but for a group that came since
        if all(group["fused"] for group in optimizer.param_groups):
            return None
        part(optimizer)
    kind = _FUSED.get(type(optimizer))
    if kind is None:
        return "Adam and AdamW are accelerated"
    for group in optimizer.param_groups:
        reason = _refusal(group, optimizer.state)
        if reason is not None:
            return reason
    for group in optimizer.param_groups:
        group["fused"] = True
    optimizer.__class__ = kind
    return None


def part(optimizer: Any) -> None:
    """Take back what :func:`fuse` did."""
    optimizer.__class__ = optimizer.original
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
        if parameter.is_cuda and state.get(parameter) and state[parameter]["step"].is_cpu:
            return "it has taken steps on a GPU; it is fused before the first"
    return None


def _alike(tensors: tuple[Tensor, ...]) -> bool:
    """Whether tensors of one shape lie in memory in one order, without gaps."""
    first, *others = tensors
    stride = first.stride()
    return all(other.stride() == stride for other in others) or (
        first.is_cpu and all(map(Tensor.is_contiguous, tensors))
    )
