"""One comparison for all: a layer, its accelerated twin, every output and every gradient."""

from __future__ import annotations

import copy
from unittest import mock

import torch

from graphpoly.acceleration import accelerate
from graphpoly.testing import assert_close


def leaves(values):
    """Fresh leaves in place of the floating-point tensors of a nest of arguments."""
    if isinstance(values, torch.Tensor) and values.layout == torch.strided:
        if not values.is_floating_point():
            return values
        return values.detach().clone().requires_grad_(values.requires_grad)
    if isinstance(values, (tuple, list)):
        return type(values)(leaves(value) for value in values)
    return values


def gradients(values):
    if isinstance(values, torch.Tensor):
        return [values.grad] if values.requires_grad else []
    if isinstance(values, (tuple, list)):
        return [grad for value in values for grad in gradients(value)]
    return []


def run(layer, arguments, options):
    """Output and gradients of the arguments and the parameters, of a loss without symmetries."""
    arguments, options = leaves(arguments), {name: leaves(value) for name, value in options.items()}
    layer.zero_grad(set_to_none=True)
    out = layer(*arguments, **options)
    probe = torch.sin(torch.arange(out.numel(), dtype=torch.float64) + 1).view(out.shape)
    (out * probe.to(out.dtype)).sum().backward()
    found = {"output": out.detach()}
    values = [*arguments, *options.values()]
    found |= {f"gradient {i}": grad for i, grad in enumerate(gradients(values))}
    found |= {name: parameter.grad for name, parameter in layer.named_parameters()}
    return found


def check_same(layer, *arguments, fast=True, kind="exact", original=None, **options):
    """The twin agrees with the layer, and runs its own code (``fast``) or the layer's.

    ``original`` is the layer's class, where ``layer`` is a module around it.
    """
    twin = copy.deepcopy(layer)
    report = accelerate(twin)
    original = original or type(layer)
    plain = original.forward
    expected = run(layer, arguments, options)
    with mock.patch.object(original, "forward", autospec=True, side_effect=plain) as forward:
        actual = run(twin, arguments, options)
        assert bool(forward.call_count) != fast, f"{report}; original called: {not fast}"
        repeated = run(twin, arguments, options)  # from memory
    for found in (actual, repeated):
        assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:  # PyG leaves out what a graph without edges does not reach
            assert actual[name] is None or not actual[name].any(), name
        else:
            assert_close(actual[name], value, kind=kind, what=name)
    assert_close(repeated["output"], expected["output"], kind=kind, what="again")
    return twin
