#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.aggr.StdAggregation, and with it PNAConv and MultiAggregation with "std".
#
# Expected: the formula of its docstring, the root of the variance: it scales with the values, so that a group of
#   values a hundred times as small has a deviation a hundred times as small.
# Real: the variance is raised to 1e-5, and a deviation of up to 0.00316 that this leaves comes out as 0, in float64 as
#   well, and with a gradient of 0. VarAggregation of the same group is right. There is no argument for it.
# Why it matters: features that sum to one, frequencies, embeddings behind a small initialisation and positions in
#   another unit have deviations of that size: the channel that measures how neighbours differ is dead, and wakes where
#   a feature is scaled. In a graph with rows of NormalizeFeatures, the larger its vocabulary, the more are 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.data import Data
from torch_geometric.nn.aggr import StdAggregation, VarAggregation
from torch_geometric.transforms import NormalizeFeatures

std, var = StdAggregation(), VarAggregation()
group = torch.tensor([-1.0, 0.5, 2.0, 0.1], dtype=torch.float64).view(-1, 1)
index = torch.zeros(4, dtype=torch.long)
unit = group.std(correction=0).item()
for scale in (1.0, 0.1, 0.01, 0.0033 / unit, 0.0031 / unit, 0.001, 1e-5):
    x = (group * scale).requires_grad_()
    found, right = std(x, index), var(x, index).sqrt().item()
    (grad,) = torch.autograd.grad(found.sum(), x)
    print(f"deviation {unit * scale:.3g}: {found.item():.3g}, root of VarAggregation {right:.3g}", end=", ")
    print(f"gradient {grad.abs().max():.3g}")
    assert abs(right / (unit * scale) - 1) < 1e-6
    if unit * scale > 1e-5**0.5:
        assert abs(found.item() / right - 1) < 1e-6 and grad.abs().max() > 0, "changed: the control"
    elif found.item() > 0:
        raise SystemExit("changed: small deviations are not 0")
    else:
        assert grad.abs().max() == 0, "changed: the gradient"

torch.manual_seed(0)
lost = []
for words in (100, 1000, 10000):
    pages = (torch.rand(400, words, dtype=torch.float64) < 0.05).double()  # 400 pages, one word in twenty on each
    x = NormalizeFeatures()(Data(x=pages)).x
    right = x.view(20, 20, words).std(dim=1, correction=0)
    found = std(x, torch.arange(20).repeat_interleave(20))
    lost.append(((found == 0) & (right > 0)).double().mean().item())
    print(f"bags of {words} words: {lost[-1]:.0%} of the deviations are lost")
assert lost[0] < 0.01 and lost[2] > 0.5, "changed: bags of words"
print("as described: no deviation below 0.00316")
PYTHON
