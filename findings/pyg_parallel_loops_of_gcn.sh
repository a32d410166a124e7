#!/usr/bin/env bash
# torch-geometric 2.8.1, GCNConv on a weighted graph that holds the same self-loop twice.
#
# Expected: one graph, one answer: parallel edges add up in a sum, in whichever form the graph comes.
# Real: with edge_index, add_remaining_self_loops keeps the weight of one of the two loops and drops
#   the other; parallel edges between different nodes do add up, and so do loops in the same graph
#   as a sparse CSR tensor made by torch.sparse_coo_tensor(...).coalesce().
# Why it matters: weighted multigraphs (transactions, merged interactions) lose weight on their
#   diagonal, and moving to a sparse adjacency changes a trained model's output.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import torch
from torch_geometric.nn import GCNConv


def outputs(pairs, weight):
    edges = torch.tensor(pairs).T
    weight = torch.tensor(weight)
    matrix = torch.sparse_coo_tensor(edges.flip(0), weight, (2, 2)).coalesce().to_sparse_csr()
    return layer(x, edges, weight), layer(x, matrix)


torch.manual_seed(0)
x, layer = torch.tensor([[1.0], [2.0]]), GCNConv(1, 1)
found = {}
for name, pairs in (("edge", (0, 1)), ("loop", (0, 0))):
    one, other = outputs([pairs, pairs, (1, 0)], [2.0, 3.0, 1.0])
    found[name] = (one - other).abs().max().item() > 1e-6
    print(f"a parallel {name}: edge_index {one.flatten().tolist()}, CSR {other.flatten().tolist()}")
assert found == {"edge": False, "loop": True}, f"changed: {found}"
print("as described: of two parallel loops one is dropped")
PYTHON
