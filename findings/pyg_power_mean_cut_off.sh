#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.aggr.PowerMeanAggregation, and with it nn.GENConv(aggr="powermean").
#
# Expected: the formula of its docstring, (mean of x^p)^(1/p), for values in the range that they are clamped to, by
#   default 0.0001 to 100. A power mean lies between the smallest and the largest value, whatever p is: that of equal
#   values is this value.
# Real: the mean of the powers is clamped to the same range, before the root is taken. With p = 2 no result is above 10,
#   with p = 3 none above 4.64, with p = -2 none below 0.1: three messages of 20 have the quadratic mean 10. No gradient
#   comes back from there, neither to the messages nor to p.
# Why it matters: p is what is tuned or learned, and each p has a ceiling of its own: results of larger p are smaller,
#   where they should be larger. Nodes whose messages are large, the hubs behind a sum or a feature that is not
#   normalised, are all given the same number. clamp_max=None takes the ceiling away, and the guard against
#   overflow with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.aggr import PowerMeanAggregation

index = torch.zeros(3, dtype=torch.long)
for p in (1.0, 2.0, 3.0, -1.0, -2.0):
    for values in ((2.0, 3.0, 4.0), (20.0, 20.0, 20.0), (6.0, 30.0, 90.0), (0.005, 0.02, 0.05)):
        x = torch.tensor(values, dtype=torch.float64).view(-1, 1).requires_grad_()
        found = PowerMeanAggregation(p=p)(x, index)
        (grad,) = torch.autograd.grad(found.sum(), x)
        right = x.detach().pow(p).mean().pow(1 / p).item()
        powers = x.detach().pow(p).mean().item()
        inside = 1e-4 <= powers <= 100 or p == 1
        print(f"p = {p:g}, values {values}: {found.item():.4g}, by the formula {right:.4g}", end=", ")
        print(f"gradient {grad.abs().max():.3g}")
        assert min(values) - 1e-9 <= right <= max(values) + 1e-9
        if inside:
            assert abs(found.item() / right - 1) < 1e-9 and grad.abs().max() > 0, "changed: the control"
            continue
        if abs(found.item() / right - 1) < 1e-9:
            raise SystemExit("changed: it is the formula")
        bound = (100 if powers > 100 else 1e-4) ** (1 / p)
        assert abs(found.item() / bound - 1) < 1e-9 and grad.abs().max() == 0, "changed: what comes instead"
free = PowerMeanAggregation(p=2.0, clamp_max=None)(torch.full((3, 1), 20.0), index).item()
print(f"with clamp_max=None three messages of 20 have the quadratic mean {free:g}")
assert abs(free - 20) < 1e-4, "changed: the remedy"
print("as described: the mean of the powers is cut off before the root")
PYTHON
