"""One gradient from the shares of several processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from graphpoly.distributed.processes import size

__all__ = ["backward", "copy_from_first"]


def backward(loss: Tensor, terms: Tensor | int, model: nn.Module) -> Tensor:
    r"""Leave in every process the gradient of a mean over the terms of all of them.

    With :math:`n_r` terms and the mean loss :math:`\ell_r` of process r,

    .. math::
        \nabla \ell = \frac{\sum_r \nabla (n_r\, \ell_r)}{\sum_r n_r} ,

    the gradient of one process that holds all terms, however unevenly they are divided. A parameter
    without a gradient in any process keeps None, so that an optimiser passes it over as always.

    Args:
        loss: Mean over the terms of this process, or 0 where it has none.
        terms: Number of them.
        model: Whose gradients are joined.

    Returns:
        The mean over all terms, without its graph.

    Complexity: Two messages a step, one of all gradients (one for each dtype) and one of a number
    for each parameter. One process alone calls ``loss.backward()``.
    """
    if size() == 1:
        loss.backward()
        return loss.detach()
    total = loss * terms
    total.backward()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    held = [float(parameter.grad is not None) for parameter in parameters]
    facts = torch.tensor([0.0, 0.0, *held], dtype=torch.float64, device=loss.device)
    facts[0], facts[1] = total.detach(), terms
    dist.all_reduce(facts)
    count = facts[1].clamp(min=1)
    used = [
        parameter
        for parameter, holders in zip(parameters, facts[2:].tolist(), strict=True)
        if holders
    ]
    for dtype in sorted({parameter.dtype for parameter in used}, key=str):
        _join([parameter for parameter in used if parameter.dtype == dtype], count)
    return facts[0] / count


def _join(parameters: Sequence[Tensor], count: Tensor) -> None:
    """Replace the gradients of tensors of one dtype by their sum over the processes and count."""
    parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in parameters]
    flat = torch.cat(parts)
    dist.all_reduce(flat)
    flat /= count
    joined = flat.split([part.numel() for part in parts])
    for parameter, part in zip(parameters, joined, strict=True):
        parameter.grad = part.view_as(parameter)


@torch.no_grad()
def copy_from_first(model: nn.Module, *, parameters: bool = True) -> None:
    """Give every process the parameters and buffers of the first one.

    Args:
        model: The model.
        parameters: Whether they are copied, too; gradients that were joined leave them the same.
    """
    if size() == 1:
        return
    for value in model.state_dict(keep_vars=True).values():
        own = isinstance(value, nn.Parameter) and not parameters
        if isinstance(value, Tensor) and not own and not is_lazy(value):
            held = value.detach().contiguous()
            dist.broadcast(held, 0)
            value.copy_(held)
