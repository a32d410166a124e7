#!/usr/bin/env bash
# torch-geometric 2.8.1, ChebConv and ClusterGCNConv with flow="target_to_source".
#
# Expected: flow="target_to_source" on a directed graph is the layer on the graph with its edges
#   turned round, as it is for GCNConv, SAGEConv and GINConv.
# Real: both normalise by the degrees of one fixed end of the edges (ChebConv through get_laplacian,
#   ClusterGCNConv through degree(col)), while the messages go the other way: other numbers.
# Why it matters: a layer that is wrapped or accelerated by turning the edges round gives what PyG
#   gives for every layer but these.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch_geometric.nn import ChebConv, ClusterGCNConv, GCNConv, GINConv, SAGEConv

torch.manual_seed(0)
x = torch.randn(4, 3, dtype=torch.float64)
edges = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 3]])  # directed: degrees in and out differ
linear = torch.nn.Linear(3, 2).double()
layers = {
    "GCNConv": lambda **flow: GCNConv(3, 2, **flow),
    "SAGEConv": lambda **flow: SAGEConv(3, 2, **flow),
    "GINConv": lambda **flow: GINConv(linear, **flow),
    "ChebConv": lambda **flow: ChebConv(3, 2, K=3, **flow),
    "ClusterGCNConv": lambda **flow: ClusterGCNConv(3, 2, **flow),
}
apart = {}
for name, make in layers.items():
    one, other = make(flow="target_to_source").double(), make().double()
    other.load_state_dict(one.state_dict())
    difference = (one(x, edges) - other(x, edges.flip(0))).abs().max().item()
    apart[name] = difference > 1e-12
    print(f"{name:15s} differs from the turned graph by {difference:.3g}")
expected = {name: name in ("ChebConv", "ClusterGCNConv") for name in layers}
assert apart == expected, f"changed: {apart}"
print("as described: two layers do not turn round with flow")
PYTHON
