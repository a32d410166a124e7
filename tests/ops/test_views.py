"""Operators read a tensor's numbers, however its view lays them out or is still to make them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphpoly.ops.library import SCHEMAS
from tests.ops.test_library import samples


def apart(t: Tensor) -> Tensor:
    """Every second number of each dimension, beginning within the memory."""
    held = t.new_zeros([2 * size + 1 for size in t.shape])
    view = held[tuple(slice(1, None, 2) for _ in t.shape)]
    return view.copy_(t)


def turned(t: Tensor) -> Tensor:
    """The dimensions in the opposite order in memory."""
    order = list(range(t.dim()))[::-1]
    return t.permute(order).contiguous().permute(order)


def negated(t: Tensor) -> Tensor:
    """Whose sign is to be turned by whoever reads it, as of the imaginary part of a conjugate."""
    return torch._neg_view(-t) if t.is_floating_point() else t


def unwritten(t: Tensor) -> Tensor:
    """Zeros that have no memory, as gradients that nothing reaches have."""
    empty = t.is_floating_point() and not bool(t.any())
    return torch._efficientzerotensor(t.shape, dtype=t.dtype, device=t.device) if empty else t


VIEWS = [apart, turned, negated, unwritten]


def seen(value, view):
    if isinstance(value, Tensor):
        return view(value)
    return [seen(v, view) for v in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_view_is_read_as_its_copy(name, view):
    operator = getattr(torch.ops.graphpoly, name)
    for arguments in samples()[name]:
        plain = seen(arguments, lambda t: t.detach().clone(memory_format=torch.contiguous_format))
        if view is unwritten:
            plain = seen(plain, lambda t: t.zero_() if t.is_floating_point() else t)
        torch.testing.assert_close(operator(*seen(plain, view)), operator(*plain), equal_nan=True)
