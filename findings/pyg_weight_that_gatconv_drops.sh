#!/usr/bin/env bash
# torch-geometric 2.8.1, GATConv called as layer(x, edge_index, edge_weight).
#
# Expected: an argument that a layer was not built for is an error, as it is in GATv2Conv; or it
#   counts, as it does in GCNConv.
# Real: without edge_dim GATConv looks at it nowhere: any numbers, even for a wrong number of edges,
#   give the same output. GATv2Conv stops at an assertion without words.
# Why it matters: swapping GCNConv, whose third argument weighs the edges, for GATConv drops the
#   weights of a weighted graph in silence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv

torch.manual_seed(0)
x = torch.randn(4, 3)
edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
weight = torch.tensor([9.0, 0.1, 5.0, 0.0])
found = {}
for kind in (GCNConv, GATConv, GATv2Conv):
    layer = kind(3, 2)
    try:
        same = torch.equal(layer(x, edges), layer(x, edges, weight))
        found[kind.__name__] = "ignores them" if same else "uses them"
    except AssertionError as error:
        found[kind.__name__] = f"AssertionError({str(error)!r})"
    print(f"{kind.__name__:9s} and weights: {found[kind.__name__]}")
expected = {"GCNConv": "uses them", "GATConv": "ignores them", "GATv2Conv": "AssertionError('')"}
assert found == expected, f"changed: {found}"
layer = GATConv(3, 2, add_self_loops=False)
wrong = torch.equal(layer(x, edges), layer(x, edges, torch.ones(7)))
print("GATConv takes 7 weights for 4 edges:", wrong)
assert wrong, "changed: a wrong number of weights is noticed"
print("as described: GATConv drops edge weights in silence")
PYTHON
