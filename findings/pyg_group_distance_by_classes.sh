#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.DiffGroupNorm.group_distance_ratio.
#
# Expected: the formula of its docstring, which is that of the paper (Zhou et al., NeurIPS 2020): the mean distances of
#   all pairs of two classes, summed over the pairs and divided by (C - 1)^2, over the mean of those within a class.
# Real: each class is set against all others in one, which makes C terms out of C (C - 1), and divided by (C - 1)^2
#   all the same: with classes of one size the result is the ratio divided by C - 1. Two classes come out right.
# Why it matters: it measures oversmoothing, and is read against 1: on Cora's seven classes a ratio of 3 is shown as
#   0.5, classes that are closer to others than to themselves. Figures of data sets with other numbers of classes
#   cannot be set beside each other, nor any beside those by the formula.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import DiffGroupNorm


def by_docstring(x, y):
    """The formula, term by term."""
    groups = [x[y == i] for i in range(int(y.max()) + 1)]
    C = len(groups)
    mean = [[torch.cdist(a, b).mean().item() for b in groups] for a in groups]
    between = sum(mean[i][j] for i in range(C) for j in range(C) if i != j) / (C - 1) ** 2
    return between / (sum(mean[i][i] for i in range(C)) / C + 1e-5)


assert r"\frac{1}{(C-1)^2} \sum_{i!=j}" in DiffGroupNorm.group_distance_ratio.__doc__, "changed: the words"
torch.manual_seed(0)
for C in (2, 3, 7, 40):
    y = torch.arange(40 * C) % C
    for name, apart in (("classes alike", 0.0), ("classes apart", 3.0)):
        x = torch.randn(len(y), 16, dtype=torch.float64) + apart * torch.randn(C, 16, dtype=torch.float64)[y]
        found, right = DiffGroupNorm.group_distance_ratio(x, y), by_docstring(x, y)
        print(f"{C} classes, {name}: {found:.4f}, by the docstring {right:.4f}, {right / found:.4f} times as much")
        if abs(found / right - 1) < 1e-6 and C > 2:
            raise SystemExit("changed: it is the formula")
        assert abs(right / found / (C - 1) - 1) < 1e-6, "changed: the factor"
x = torch.tensor([[0.0], [1.0], [10.0]], dtype=torch.float64).repeat_interleave(2, dim=0)
x = torch.cat([x, x[:2]])  # the first class has four members, the others two
x[::2] += 0.5
y = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0])
found, right = DiffGroupNorm.group_distance_ratio(x, y), by_docstring(x, y)
print(f"classes of 4, 2 and 2: {found:.4f}, by the docstring {right:.4f}, {right / found:.4f} times as much")
assert abs(right / found / 2 - 1) > 0.01, "changed: unequal classes"
print("as described: the ratio is divided by the number of classes less one")
PYTHON
