"""Batch normalisation over the rows of all processes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["joint_batch_norm", "sum_over_processes"]


def joint_batch_norm(divided: bool) -> AbstractContextManager[Any]:
    """Let ``F.batch_norm`` normalise by the mean and variance of the rows of all processes.

    PyTorch's and PyG's layers call it, so that modules and their state stay as they are. Means and
    variances are summed in float64, and their gradients cross the processes, too. Only the number
    of batches that a layer has seen, which counts where its momentum is None, is each one's own.

    Args:
        divided: Whether the rows of a batch are divided; otherwise nothing is changed.
    """
    return _JointBatchNorm() if divided else nullcontext()


class _JointBatchNorm(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if function is F.batch_norm:
            function = _batch_norm
        return function(*args, **(kwargs or {}))


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``F.batch_norm`` of the rows of all processes.

    Layers that take a row alone for no batch call it with ``training=False`` for it. Whether all
    rows together are a batch is known here alone: one process in training is enough.
    """
    dims = [dim for dim in range(x.dim()) if dim != 1]
    numbers = [x.numel() / x.size(1), float(training), momentum if training else 0.0]
    told = torch.tensor(numbers, dtype=torch.float64, device=x.device)
    sums = sum_over_processes(torch.cat([told, x.sum(dims, dtype=torch.float64)]))
    count, trained, momenta = (float(number) for number in sums[:3].detach())
    if not trained:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, 0.0, eps)
    shape = [1, -1, *[1] * (x.dim() - 2)]
    mean = sums[3:] / count
    centred = x - mean.to(x.dtype).view(shape)
    var = sum_over_processes(centred.square().sum(dims, dtype=torch.float64)) / count
    if running_mean is not None and running_var is not None:
        step = momenta / trained
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), step)
            unbiased = var * (count / max(count - 1, 1))
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
