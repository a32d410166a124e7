#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.LayerNorm(mode="graph"), which is its default mode.
#
# Expected: one graph gives one answer, with batch=None or with a batch of this graph alone.
# Real: without batch the features are divided by (standard deviation + eps), with it by the root of
#   (variance + eps). Where features are small the two have nothing in common: at a deviation of 0.001
#   and the eps of 1e-5 the outputs stand 1 to 3.3. GraphNorm and InstanceNorm agree with themselves.
# Why it matters: a model trained on batches and then served one graph at a time without a batch
#   vector is another model on graphs of small features; the layer and its state dict are the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import GraphNorm, InstanceNorm, LayerNorm

torch.manual_seed(0)
x = torch.randn(50, 8, dtype=torch.float64)
x = (x - x.mean()) / x.std(unbiased=False)
batch = torch.zeros(50, dtype=torch.long)
found = {}
with torch.no_grad():
    for layer in (LayerNorm(8), GraphNorm(8), InstanceNorm(8)):
        layer = layer.double()
        for scale in (1.0, 1e-3):
            alone, batched = layer(scale * x), layer(scale * x, batch)
            ratio = (alone / batched).mean().item()
            found[type(layer).__name__, scale] = ratio
            print(f"{type(layer).__name__:12s} at a deviation of {scale:g}: alone / batched = {ratio:.5f}")
by_hand = (1e-6 + 1e-5) ** 0.5 / (1e-3 + 1e-5)
print(f"by hand {by_hand:.5f}")
if abs(found["LayerNorm", 1e-3] - by_hand) > 1e-6:
    raise SystemExit("changed: both ways agree, or differ otherwise")
assert abs(found["LayerNorm", 1.0] - 1) < 1e-4
assert all(abs(ratio - 1) < 1e-9 for (name, _), ratio in found.items() if name != "LayerNorm")
print("as described: a graph alone and the same graph as a batch of one differ")
PYTHON
