#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.LabelPropagation and nn.CorrectAndSmooth with edge_weight.
#
# Expected: the formula of the docstring, with D^(-1/2) A D^(-1/2), A being the weighted adjacency: weights of 1 are no
#   weights, and weights twice as large give the same result. A sparse tensor with the same weights has it so.
# Real: the matrix is normalised where edge_weight is not given, and taken as it is where it is. With weights of 1 the
#   labels of all neighbours are added up and cut off at 1: after a few steps every class has 1 at every node, and the
#   largest is the first class. Nothing is said.
# Why it matters: weights are what distances, similarities and counts come as, and the call is that of every layer
#   beside it, which normalise themselves. What should smooth predictions levels them, the more so the denser the graph.
#   Hand over the weights of gcn_norm(edge_index, edge_weight, add_self_loops=False).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import CorrectAndSmooth, LabelPropagation
from torch_geometric.utils import stochastic_blockmodel_graph

assert "D}^{-1/2} \\mathbf{A}" in LabelPropagation.__doc__, "changed: the words"
torch.manual_seed(0)
edge_index = stochastic_blockmodel_graph([30, 30], [[0.3, 0.03], [0.03, 0.3]], directed=False)
y = torch.arange(60) // 30
known = torch.zeros(60, dtype=torch.bool)
known[[0, 1, 2, 30, 31, 32]] = True
ones = torch.ones(edge_index.size(1))
adjacency = torch.zeros(60, 60).index_put((edge_index[1], edge_index[0]), ones)


def by_definition(adjacency, num_layers, alpha):
    """The recursion of the docstring on a dense matrix."""
    scale = adjacency.sum(dim=1).clamp(min=1).rsqrt()
    step = scale[:, None] * adjacency * scale
    start = torch.nn.functional.one_hot(y, 2) * known[:, None]
    out = start.float()
    for _ in range(num_layers):
        out = (alpha * step @ out + (1 - alpha) * start).clamp(0, 1)
    return out


propagate = LabelPropagation(num_layers=10, alpha=0.9)
right = by_definition(adjacency, 10, 0.9)
found = {
    "no weights": propagate(y, edge_index, known),
    "a sparse tensor of ones": propagate(y, adjacency.to_sparse_csr(), known),
    "a sparse tensor of twos": propagate(y, (2 * adjacency).to_sparse_csr(), known),
    "edge_weight of ones": propagate(y, edge_index, known, ones),
    "edge_weight of twos": propagate(y, edge_index, known, 2 * ones),
}
for name, out in found.items():
    correct = (out.argmax(dim=1) == y)[~known].float().mean()
    print(f"{name}: {correct:.0%} of the unknown are right; {(out == 1).float().mean():.0%} of all scores are 1")
    if torch.allclose(out, right, atol=1e-5) != ("edge_weight" not in name):
        raise SystemExit("changed: what is normalised")
assert (found["edge_weight of ones"] == 1).float().mean() > 0.9, "changed: the scores are not cut off"

soft = torch.softmax(torch.nn.functional.one_hot(y, 2) + torch.randn(60, 2), dim=1)
post = CorrectAndSmooth(10, 0.8, 10, 0.8, autoscale=False)
for name, weight in (("no weights", None), ("edge_weight of ones", ones)):
    out = post.smooth(post.correct(soft, y[known], known, edge_index, weight), y[known], known, edge_index, weight)
    before, after = (((z.argmax(dim=1) == y)[~known]).float().mean() for z in (soft, out))
    print(f"CorrectAndSmooth, {name}: {before:.0%} right before, {after:.0%} after")
    if (after > before) != (weight is None):
        raise SystemExit("changed: what weights of 1 do to CorrectAndSmooth")
print("as described: a matrix that is given with edge_weight is not normalised")
PYTHON
