#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.aggr.QuantileAggregation and nn.aggr.MedianAggregation.
#
# Expected: the quantile of a group depends on the entries of that group.
# Real: the place of the quantile is counted from the first row of the whole input, in float32, and the
#   fraction between two entries is what float32 leaves of it: behind a million rows it is rounded to
#   sixteenths, and from 2**24 rows on the entry itself can be that of another group. The dtype of x does
#   not help, that of the layer's buffer does: aggr.double().
# Why it matters: graphs of millions of messages are usual (a layer on Reddit has 10**8). Their medians
#   are then those of other nodes, without an error or a NaN, and in a small test all is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.aggr import MedianAggregation, QuantileAggregation


def of_last_group(aggr, before, values):
    """The result for values, which are the second of two groups; the first has so many zeros."""
    x = torch.cat([torch.zeros(before), torch.tensor(values)])[:, None]
    index = torch.cat([torch.zeros(before).long(), torch.ones(len(values)).long()])
    return aggr(x, index, dim_size=2)[1].item()


values = [0.0, 1.0, 2.0, 3.0, 4.0]
right = torch.quantile(torch.tensor(values), 0.1).item()
found = {}
for before in (10, 3_000_000):
    for name, aggr in (("float32", QuantileAggregation(0.1)), ("float64", QuantileAggregation(0.1).double())):
        found[before, name] = of_last_group(aggr, before, values)
        print(f"quantile 0.1 behind {before} rows, buffer in {name}: {found[before, name]:.4f}, is {right:.4f}")
assert all(abs(found[key] - right) < 1e-3 for key in found if key != (3_000_000, "float32")), "changed"
if abs(found[3_000_000, "float32"] - right) < 0.05:
    raise SystemExit("changed: a quantile does not depend on the rows before its group")
before = 2**24 + 1
median, precise = (of_last_group(a, before, [1.0]) for a in (MedianAggregation(), MedianAggregation().double()))
print(f"median of the group [1.0] behind {before} zeros: {median}; with the buffer in float64: {precise}")
assert (median, precise) == (0.0, 1.0), "changed: the median of [1.0]"
print("as described: quantiles depend on how many rows come before")
PYTHON
