#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.NormalizeFeatures.
#
# Expected: as the docstring says, every row of features is divided so that it sums to one.
# Real: the smallest number of the whole matrix is subtracted first, and a sum below 1 counts as 1:
#   rows that sum to less (frequencies, embeddings of small numbers) stay as they are, and what a row
#   becomes depends on the other rows. Only rows of counts, such as bags of words, come out right.
# Why it matters: on features that are not counts the step of so many examples of node
#   classification is void or a shift, and one that differs from graph to graph where a data set has
#   many; nothing tells.
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
from torch_geometric.transforms import NormalizeFeatures


def sums(rows):
    x = NormalizeFeatures()(Data(x=torch.tensor(rows))).x
    print(f"{rows} becomes {[[round(v, 3) for v in row] for row in x.tolist()]}")
    return x.sum(1)


counts = sums([[1.0, 3.0, 0.0], [0.0, 2.0, 0.0]])
assert torch.allclose(counts, torch.ones(2)), "changed: counts are not normalised"
small = sums([[0.1, 0.3, 0.0], [0.0, 0.2, 0.0]])
assert torch.allclose(small, torch.tensor([0.4, 0.2])), "changed: rows of small sums are normalised"
beside = sums([[1.0, 3.0, 0.0], [-1.0, 2.0, 0.0]])
first = NormalizeFeatures()(Data(x=torch.tensor([[1.0, 3.0, 0.0], [-1.0, 2.0, 0.0]]))).x[0]
if torch.allclose(first, torch.tensor([0.25, 0.75, 0.0])):
    raise SystemExit("changed: a row does not depend on the others")
assert torch.allclose(first, torch.tensor([2.0, 4.0, 1.0]) / 7)
print("as described: small rows keep their sums, and another row's minimum shifts a row")
PYTHON
