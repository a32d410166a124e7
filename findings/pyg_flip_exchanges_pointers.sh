#!/usr/bin/env bash
# torch-geometric 2.8.1, EdgeIndex.flip of edges that are sorted and whose cache is filled.
#
# Expected: edge_index.flip(0) is the graph with its edges turned round, whether the cache (fill_cache_, or what a layer
#   has filled) holds something or not: the same pairs give the same results in every layer.
# Real: edges sorted by row are, turned round, sorted by column, and the pointers of their rows are those of the columns
#   now. They are exchanged for the pointers of the other order, so that get_csc() has the number of edges that leave
#   a node in place of those that arrive. validate() finds nothing. Edges sorted by column keep right results here,
#   since the layers read no pointers of rows.
# Why it matters: layers that normalise by pointers, GATConv and TransformerConv, take a softmax over edges of several
#   nodes and give other numbers; GCNConv and SAGEConv beside them are right. flip(0) is how a direction is chosen, and
#   how networks that send both ways (DirGNNConv) get the second one. Flip first and sort then, or flip a plain tensor.
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
from torch_geometric.nn import GATConv, GCNConv, SAGEConv, TransformerConv

torch.manual_seed(0)
pairs = torch.randint(7, (2, 20))
x = torch.randn(7, 4, dtype=torch.float64)
layers = {
    "GCNConv": GCNConv(4, 3),
    "SAGEConv": SAGEConv(4, 3),
    "GATConv": GATConv(4, 3, add_self_loops=False),
    "TransformerConv": TransformerConv(4, 3),
}
for order, row in (("row", 0), ("col", 1)):
    plain = pairs[:, pairs[row].argsort(stable=True)]
    for filled in (False, True):
        edges = EdgeIndex(plain, sparse_size=(7, 7), sort_order=order)
        turned = (edges.fill_cache_() if filled else edges).flip(0).validate()
        assert torch.equal(turned.as_tensor(), plain.flip(0)), "changed: the pairs"
        print(f"sorted by {order}, cache filled {filled}:")
        if order == "row":
            (pointers, _), _ = turned.get_csc()
            arriving = torch.bincount(plain[0], minlength=7)
            print(f"  edges that arrive by get_csc {pointers.diff().tolist()}, by the pairs {arriving.tolist()}")
            if filled and torch.equal(pointers.diff(), arriving):
                raise SystemExit("changed: the pointers stay with their order")
            assert filled or torch.equal(pointers.diff(), arriving), "changed: the control"
            other = torch.bincount(plain[1], minlength=7)
            assert not filled or torch.equal(pointers.diff(), other), "changed: whose pointers come instead"
        turned = (EdgeIndex(plain, sparse_size=(7, 7), sort_order=order).fill_cache_() if filled else edges).flip(0)
        for name, conv in layers.items():
            found, right = conv.double()(x, turned), conv(x, plain.flip(0))
            away = float((found - right).abs().max())
            print(f"  {name}: {away:.1e} from what a plain tensor gives")
            wrong = filled and order == "row" and name in ("GATConv", "TransformerConv")
            assert away > 0.1 if wrong else away < 1e-9, "changed: which layers are wrong"
print("as described: flip gives the sorted side the pointers of the other one")
PYTHON
