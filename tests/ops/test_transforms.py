"""Operators under ``torch.func``: what no transform may do is lose a derivative without a word."""

import pytest
import torch
from torch import func

from graphpoly.ops.library import SCHEMAS
from graphpoly.testing import assert_close
from tests.ops.test_library import samples


def functions(name):
    """One function of each input that has a gradient, and where it is evaluated."""
    operator = getattr(torch.ops.graphpoly, name).default
    for arguments in samples()[name]:
        held = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
        for place, argument in enumerate(arguments):
            if not (isinstance(argument, torch.Tensor) and argument.requires_grad):
                continue

            def total(x, held=held, place=place):
                results = operator(*held[:place], x, *held[place + 1 :])
                results = [results] if isinstance(results, torch.Tensor) else results
                probes = (torch.linspace(0.3, 1, out.numel()).view_as(out) for out in results)
                products = zip(results, probes, strict=True)
                return sum((out * probe).square().sum() for out, probe in products)

            yield total, held[place]


def derivative(value, leaf):
    """Zero where nothing depends on the leaf."""
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(
        value, leaf, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_second_derivatives_are_right_or_refused(name):
    """Forward over reverse, as ``torch.func.hessian``, and reverse over reverse."""
    for total, x in functions(name):
        ahead = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
        with pytest.raises((NotImplementedError, RuntimeError), match=r"jvp|forward"):
            func.jvp(func.grad(total), (x,), (ahead,))
        leaf = x.clone().requires_grad_()
        first = derivative(total(leaf), leaf)
        expected = derivative((first * ahead).sum(), leaf)
        found = func.grad(lambda z, of=total, v=ahead: (func.grad(of)(z) * v).sum())(x)
        assert_close(found, expected)
