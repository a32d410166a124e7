#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.aggr.PatchTransformerAggregation(patch_size=p) for p of 3 or more.
#
# Expected: every element of a group has an influence on the group's result, as in other aggregations: the
#   last patch is filled up where the number of elements is no multiple of the patch size.
# Real: the size of the largest group, plus 1, is rounded down to a multiple of p, and what lies behind is
#   cut off: of 6 elements in patches of 4 the last two are not read, of 6 in patches of 8 none is. Whether
#   they are read depends on the other groups of the batch.
# Why it matters: elements are sorted by time, so it is the most recent edges of the most active nodes that a
#   temporal network of GraphMixer's kind does not see, in training and in evaluation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.aggr import PatchTransformerAggregation

torch.manual_seed(0)


def read(aggr, size, *others):
    """How many elements of a group have a gradient, with other groups behind it in the batch."""
    sizes = torch.tensor([size, *others])
    x = torch.randn(int(sizes.sum()), 4, requires_grad=True)
    out = aggr(x, torch.repeat_interleave(sizes), dim_size=len(sizes))[0]
    gradient = torch.autograd.grad(out.square().sum(), x)[0][:size]
    return int((gradient.abs().sum(1) > 0).sum())


table = {}
for patch in (1, 2, 4, 8):
    aggr = PatchTransformerAggregation(4, 5, patch, hidden_channels=8, aggr="sum").eval()
    for size in (3, 4, 6, 8, 13):
        table[patch, size] = read(aggr, size)
        print(f"patches of {patch}: of {size} elements {table[patch, size]} are read")
aggr = PatchTransformerAggregation(4, 5, 4, hidden_channels=8, aggr="sum").eval()
beside = read(aggr, 6, 8)
print(f"patches of 4, a group of 8 beside it: of 6 elements {beside} are read")
assert all(table[patch, size] == size for patch in (1, 2) for size in (3, 4, 6, 8, 13)), "changed: small patches"
assert (table[4, 4], table[4, 8], table[8, 8], beside) == (4, 8, 8, 6), "changed: whole patches"
if (table[4, 6], table[4, 13], table[8, 13], table[8, 3]) != (4, 12, 8, 0):
    raise SystemExit("changed: the last elements are read")
print("as described: the largest groups are cut to whole patches")
PYTHON
