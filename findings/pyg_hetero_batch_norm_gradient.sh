#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.HeteroBatchNorm in training.
#
# Expected: batch normalisation for each type, as its docstring says ("compared to BatchNorm, applies normalization
#   individually for each node or edge type"): outputs and gradients are those of a BatchNorm on the rows of the type.
# Real: mean and variance are taken under torch.no_grad(). The outputs agree, and the gradient is that of a division by
#   constants: it does not match finite differences, it does not sum to zero, and it has a part along the input
#   itself, though neither a shift nor a scale of the input changes anything.
# Why it matters: that part of the gradient is what batch normalisation keeps out of training: biases and scales before
#   the norm, which have no effect on the loss, are driven about by it. The layer trains otherwise than the one that it
#   replaces where a graph has one type, and no output tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import BatchNorm, HeteroBatchNorm

torch.set_default_dtype(torch.float64)


def by_type(norms, x, kinds):
    """A BatchNorm for the rows of each type."""
    out = torch.empty_like(x)
    for kind, norm in enumerate(norms):
        out = out.index_put((torch.where(kinds == kind)[0],), norm(x[kinds == kind]))
    return out


def finite_differences(function, x, step=1e-6):
    gradient = torch.zeros_like(x)
    for place in range(x.numel()):
        shift = torch.zeros_like(x)
        shift.view(-1)[place] = step
        gradient.view(-1)[place] = (function(x + shift) - function(x - shift)) / (2 * step)
    return gradient


torch.manual_seed(0)
for num_types in (1, 3):
    x = 2 + 3 * torch.randn(24, 4)
    kinds = torch.arange(24) % num_types
    weight = torch.randn(24, 4)  # the loss is a fixed linear function of the output
    hetero = HeteroBatchNorm(4, num_types, eps=1e-12)
    norms = [BatchNorm(4, eps=1e-12) for _ in range(num_types)]
    layers = {"HeteroBatchNorm": lambda x: hetero(x, kinds), "BatchNorm by type": lambda x: by_type(norms, x, kinds)}
    assert (layers["HeteroBatchNorm"](x) - layers["BatchNorm by type"](x)).abs().max() < 1e-9, "changed: the outputs"
    for name, layer in layers.items():
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((layer(leaf) * weight).sum(), leaf)
        with torch.no_grad():
            right = finite_differences(lambda x: (layer(x) * weight).sum(), x)
        error = (gradient - right).abs().max() / right.abs().max()
        shift = gradient.sum(dim=0).abs().max()
        scale = (gradient * x).sum(dim=0).abs().max()
        print(f"{num_types} types, {name}: off by {error:.0%} of the largest,", end=" ")
        print(f"{shift:.3f} along a shift, {scale:.3f} along a scale")
        if name == "HeteroBatchNorm":
            if error < 0.1 or shift < 0.1 or scale < 0.1:
                raise SystemExit("changed: the gradient goes through the statistics")
            deviations = x.clone()
            for kind in range(num_types):
                deviations[kinds == kind] = x[kinds == kind].std(dim=0, correction=0).expand((kinds == kind).sum(), 4)
            assert (gradient - weight / deviations).abs().max() < 1e-9, "changed: it is not that of constant statistics"
        else:
            assert max(error, shift, scale) < 1e-5, "changed: the control"
print("as described: the statistics are constants to the gradient")
PYTHON
