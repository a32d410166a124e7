"""A trace would hold one graph in silence: every layer refuses it, in the same words."""

import inspect

import pytest
import torch

from graphpoly import registry

registry.load_all()
LAYERS = [entry for entry in registry.entries("layer") if entry.example is not None]


@pytest.mark.parametrize("entry", LAYERS, ids=lambda entry: entry.name)
def test_a_jit_trace_is_refused(entry):
    layer = entry.example().eval()
    pairs = torch.tensor([[0, 1, 2, 3, 4, 2, 1, 0], [1, 0, 3, 2, 3, 4, 2, 1]])
    width = getattr(layer, "in_channels", 8)
    inputs = [torch.randn(5, width if isinstance(width, int) and width > 0 else 8), pairs]
    if "pos" in inspect.signature(layer.forward).parameters:
        inputs.append(torch.randn(5, 3))
    elif getattr(layer, "edge_dim", None) is not None:
        inputs.append(torch.randn(8, layer.edge_dim))
    with pytest.raises(TypeError, match=r"torch\.jit\.trace: .* torch\.compile or torch\.export"):
        torch.jit.trace(layer, tuple(inputs), check_trace=False)
