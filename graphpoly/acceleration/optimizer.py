"""Adam in one pass over all parameters, where it was made without a choice of its passes."""

from __future__ import annotations

from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

__all__ = ["AcceleratedAdam", "AcceleratedAdamW", "OnePass", "fuse", "part"]

_DTYPES = (torch.float32, torch.float64)  # narrower ones would be rounded at other places
_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
_ONE = torch.tensor(1.0, device="cpu")


class OnePass:
    """Mixed in before an optimiser; its steps are PyTorch's where the one pass would be wrong.

    That pass walks through the memory of a parameter, its gradient and its moments alike, whatever
    their strides. A group in which they differ is updated without it from then on. On the CPU, the
    way to the pass takes longer than the pass itself where parameters are few: groups in which all
    is as in most go a shorter one.
    """

    original: ClassVar[type]

    param_groups: list[dict[str, Any]]  # of every optimiser
    state: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__name__ = cls.original.__name__  # pickle looks for __qualname__, which stays

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        if group["fused"] and not torch.compiler.is_compiling() and self._update(group):
            return False  # lists without tensors leave PyTorch nothing to do
        found: bool = super()._init_group(group, *lists)  # type: ignore[misc]
        *moments, _ = lists  # and the counts of steps
        if group["fused"] and not all(map(_alike, zip(*filter(None, moments), strict=True))):
            group["fused"] = None
        return found

    def _update(self, group: dict[str, Any]) -> bool:
        """Take the step of a group, unless something in it is not as it is in most."""
        params = [parameter for parameter in group["params"] if parameter.grad is not None]
        states = [self.state.get(parameter) for parameter in params]
        scaled = (getattr(self, name, None) is not None for name in ("grad_scale", "found_inf"))
        rates = (group["lr"], *group["betas"])
        if not params or not all(states) or any(scaled) or any(map(torch.is_tensor, rates)):
            return False
        grads = [parameter.grad for parameter in params]
        held = [[state[name] for state in states] for name in _MOMENTS[: 2 + group["amsgrad"]]]
        dtype = params[0].dtype
        if not all(each.is_cpu and each.dtype is dtype in _DTYPES for each in params):
            return False
        if not all(map(Tensor.is_contiguous, chain(params, grads, *held))):
            return False
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, _ONE, alpha=1.0)
        update = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
        rate, first, second = rates
        update(
            *(params, grads, *held, *([] for _ in range(3 - len(held))), steps),
            lr=rate,
            beta1=first,
            beta2=second,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )
        return True


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
