#!/usr/bin/env bash
# torch 2.13.0, torch.segment_reduce in bfloat16 on CPU, which is what torch-geometric 2.8.1 calls when an
# aggregation is given ptr=.
#
# Expected: sums of bfloat16 are gathered in float32 and rounded once, as torch.sum, scatter_add and
#   scatter_reduce do it.
# Real: every partial sum is rounded to bfloat16, and at 256 adding 1 changes nothing any more: the sum of
#   1,000 ones is 256, and the mean of 1,000 ones about a quarter.
# Why it matters: in bfloat16 the hubs of a graph are wrong by a factor, and right when the same call
#   gets index= in place of ptr=, or float32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.aggr import MeanAggregation, SumAggregation

ones, index, ptr = torch.ones(1000, 1), torch.zeros(1000).long(), torch.tensor([0, 1000])
found = {}
for dtype in (torch.float32, torch.bfloat16):
    x = ones.to(dtype)
    found[dtype] = {
        "sum": x.sum().item(),
        "scatter_add": torch.zeros(1, 1, dtype=dtype).scatter_add(0, index[:, None], x).item(),
        "segment_reduce": torch.segment_reduce(x, "sum", offsets=ptr).item(),
        "SumAggregation(index)": SumAggregation()(x, index).item(),
        "SumAggregation(ptr)": SumAggregation()(x, ptr=ptr).item(),
        "MeanAggregation(index)": MeanAggregation()(x, index).item(),
        "MeanAggregation(ptr)": MeanAggregation()(x, ptr=ptr).item(),
    }
    print(dtype, found[dtype])
right = {name: 1.0 if "Mean" in name else 1000.0 for name in found[dtype]}
assert found[torch.float32] == right, "changed: float32"
wrong = {name for name in right if found[torch.bfloat16][name] != right[name]}
if wrong != {"segment_reduce", "SumAggregation(ptr)", "MeanAggregation(ptr)"}:
    raise SystemExit(f"changed: wrong are {sorted(wrong)}")
assert found[torch.bfloat16]["segment_reduce"] == 256
assert abs(found[torch.bfloat16]["MeanAggregation(ptr)"] - 0.256) < 0.002
print("as described: a sum by segments stops at 256")
PYTHON
