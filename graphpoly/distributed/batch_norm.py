"""Batch normalisation over the rows of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from graphpoly.distributed.processes import size

__all__ = ["joint_batch_norm", "sum_over_processes"]


def joint_batch_norm(
    divided: bool = True, *, common: int | None = None
) -> AbstractContextManager[Any]:
    """Let ``F.batch_norm`` normalise by the mean and variance of the rows of all processes.

    PyTorch's and PyG's layers call it, so that modules and their state stay as they are. Means and
    variances are summed in float64, and their gradients cross the processes, too. Only the number
    of batches that a layer has seen, which counts where its momentum is None, is each one's own.

    Rows that every process has all of are summed, too, as what was dropped of them differs; but
    they count once. One process alone goes on as always.

    Args:
        divided: Whether each process has other rows; otherwise all have the same.
        common: Number of rows, such as nodes, that all have the same of even then.
    """
    return nullcontext() if size() == 1 else _JointBatchNorm(divided, common)


class _JointBatchNorm(TorchFunctionMode):
    def __init__(self, divided: bool, common: int | None) -> None:
        super().__init__()
        self._divided, self._common = divided, common

    def __torch_function__(
        self,
        function: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function is F.batch_norm:
            function = _batch_norm
            kwargs["alike"] = lambda rows: not self._divided or rows == self._common
        return function(*args, **kwargs)


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    alike: Callable[[int], bool],
) -> Tensor:
    """``F.batch_norm`` of the rows of all processes.

    Layers that take a row alone for no batch call it with ``training=False`` for it. Whether all
    rows together are a batch is known here alone: one process in training is enough.
    """
    dims = [dim for dim in range(x.dim()) if dim != 1]
    own = x.numel() / x.size(1)
    numbers = [own, float(training), momentum if training else 0.0, float(alike(x.size(0)))]
    told = torch.tensor(numbers, dtype=torch.float64, device=x.device)
    sums = sum_over_processes(torch.cat([told, x.sum(dims, dtype=torch.float64)]))
    count, trained, momenta, same = (float(number) for number in sums[:4].detach())
    rows = count / size() if same == size() else count
    if not trained or rows == 1:  # one row is refused there
        state = running_mean, running_var, weight, bias
        return F.batch_norm(x, *state, bool(trained), momenta / max(trained, 1), eps)
    shape = [1, -1, *[1] * (x.dim() - 2)]
    mean = sums[4:] / count
    centred = x - mean.to(x.dtype).view(shape)
    var = sum_over_processes(centred.square().sum(dims, dtype=torch.float64)) / count
    if running_mean is not None and running_var is not None:
        step = momenta / trained
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), step)
            unbiased = var * (rows / (rows - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), step)
    out = centred * (var + eps).rsqrt().to(x.dtype).view(shape)
    if weight is not None:
        out = out * weight.view(shape)
    return out if bias is None else out + bias.view(shape)


def sum_over_processes(x: Tensor) -> Tensor:
    """Return the sum of a tensor over the processes; the gradient is summed likewise."""
    out: Tensor = _Sum.apply(x)
    return out


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = x.clone()
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return sum_over_processes(grad)
