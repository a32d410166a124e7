#!/usr/bin/env bash
# torch-geometric 2.8.1, EdgeIndex.sort_by of edges that are sorted the other way and whose cache is filled.
#
# Expected: sort_by("col") changes the order of the pairs and nothing of the graph: its products and the layers that
#   read it give what the dense matrix of the same pairs gives.
# Real: the new object takes over the pointers of the old one as they are. Those of rows are read as those of columns
#   then, so that each node sums over the number of edges that leave it, beginning where the sums before it ended, and
#   not over those that arrive. The pairs are right, and validate() finds nothing. An empty cache gives right sums.
# Why it matters: a cache is filled by fill_cache_, by a product or by a layer that has run, so that the same line is
#   right before the first forward pass and wrong after it; GraphConv, GATConv and TransformerConv give other numbers.
# Sort the plain tensor (edge_index.as_tensor()) and make a new EdgeIndex of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv, GraphConv, TransformerConv

torch.manual_seed(0)
pairs = torch.randint(6, (2, 18))
pairs = pairs[:, pairs[0].argsort(stable=True)]
x = torch.randn(6, 4)
dense = torch.zeros(6, 6).index_put((pairs[1], pairs[0]), torch.ones(18), accumulate=True)
layers = {
    "GraphConv": GraphConv(4, 3),
    "GATConv": GATConv(4, 3, add_self_loops=False),
    "TransformerConv": TransformerConv(4, 3),
}

for filled in (False, True):
    edges = EdgeIndex(pairs, sparse_size=(6, 6), sort_order="row").validate()
    if filled:
        edges.fill_cache_()
    by_column = edges.sort_by("col").values.validate()
    kept = sorted(by_column.as_tensor().t().tolist())
    assert kept == sorted(pairs.t().tolist()), "changed: the pairs"
    off = {"matmul": (by_column.matmul(x, transpose=True) - dense @ x).abs().max()}
    for name, layer in layers.items():
        off[name] = (layer(x, by_column) - layer(x, pairs)).abs().max()
    print(f"cache filled {filled}:", {name: round(float(value), 3) for name, value in off.items()})
    for name, value in off.items():
        assert bool(value > 0.1) is filled, f"changed: {name}"
PYTHON
echo "as described: edges sorted anew keep the pointers of the order before"
