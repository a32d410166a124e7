#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.AddRandomWalkPE on a graph with weights or with parallel edges.
#
# Expected: the chance that a random walk is back after k steps, by the weights of the edges, with
#   parallel edges adding up; it lies between 0 and 1 and depends on the node's own component.
# Real: each edge of a node gets the same share, 1 / (sum of the weights), its own weight left out, and a
#   sum below 1 counts as 1: the "chances" are not those of any walk, and exceed 1. Up to 2,000 nodes a
#   parallel edge counts once among the edges and twice in the degree; above, twice in both: nodes
#   without an edge, added to a graph, change the encoding of the others. (Reported to its makers.)
# Why it matters: encodings of weighted graphs and of multigraphs are wrong without a sign of it, and those
#   of a data set with small and large graphs are of two kinds.
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
from torch_geometric.transforms import AddRandomWalkPE

encode = AddRandomWalkPE(walk_length=2)


def both(pairs, weight=None, num_nodes=3):
    """PyG's chances of being back after 2 steps, and those of the matrix of transitions."""
    edges = torch.tensor(pairs).T
    edges = torch.cat([edges, edges.flip(0)], 1)
    data = Data(edge_index=edges, num_nodes=num_nodes)
    counted = torch.ones(edges.size(1))
    if weight is not None:
        data.edge_weight = counted = torch.tensor(weight).repeat(2)
    matrix = torch.zeros(3, 3).index_put_(tuple(edges), counted, accumulate=True)
    step = matrix / matrix.sum(1, keepdim=True)
    found = encode(data).random_walk_pe[:3, 1]
    print([round(v, 4) for v in found.tolist()], "by hand", [round(v, 4) for v in (step @ step).diag().tolist()])
    return found, (step @ step).diag()


triangle = [(0, 1), (1, 2), (2, 0)]
print("triangle:")
assert torch.allclose(*both(triangle)), "changed: the plain triangle"
print("triangle with weights 9, 1, 1:")
assert not torch.allclose(*both(triangle, [9.0, 1.0, 1.0])), "changed: weights count"
print("triangle with weights 0.9, 0.1, 0.1:")
assert both(triangle, [0.9, 0.1, 0.1])[0].max() > 1, "changed: weights below 1 count"
print("triangle with an edge twice:")
small, right = both([*triangle, (0, 1)])
print("the same beside 2,000 nodes without an edge:")
large, _ = both([*triangle, (0, 1)], num_nodes=2003)
assert torch.allclose(large, right), "changed: large graphs"
if torch.allclose(small, right):
    raise SystemExit("changed: small graphs")
print("as described: weights are left out, and parallel edges count by the size of the graph")
PYTHON
