#!/usr/bin/env bash
# torch 2.13.0 on a processor, torch.gather of an index that is expanded, and with it torch-geometric 2.8.1.
#
# Expected: an index of int32 gives what one of int64 gives. Since 2.8 gather and scatter take both, and PyG's EdgeIndex
#   names int32 among the dtypes it supports.
# Real: index.view(-1, 1).expand(-1, F), one number for each row, which is how PyG spreads an index over the features,
#   gives other rows if it is of int32: row r gets the number of row r // F, and most numbers are not read at all. The
#   derivative of scatter_add and scatter_reduce is such a gather: the results of a layer are right, its gradients are
#   not. A contiguous index and int64 are right, and so is index_select.
# Why it matters: int32 halves the memory of edges. The loss is computed right, falls more slowly or not at all, and
#   nothing is said; with aggr="max" the gradient is NaN. GCNConv and GATConv gather nothing of that kind and are
#   right, so that a comparison of layers is one of gradients right and wrong. Turn edge_index into int64.
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
from torch_geometric.nn import GATConv, GCNConv, GINConv, GraphConv, SAGEConv, TransformerConv
from torch_geometric.typing import INDEX_DTYPES

rows = torch.arange(6.0).view(-1, 1).expand(-1, 3).contiguous()
numbers = torch.tensor([5, 0, 3, 1, 4, 2])
for dtype in (torch.int64, torch.int32):
    index = numbers.to(dtype).view(-1, 1).expand(-1, 3)
    found, packed = rows.gather(0, index)[:, 0], rows.gather(0, index.contiguous())[:, 0]
    print(f"{dtype}: rows {found.int().tolist()}, of a contiguous index {packed.int().tolist()}")
    assert torch.equal(packed, rows[numbers, 0]), "changed: the control"
    if dtype == torch.int64:
        assert torch.equal(found, packed), "changed: int64"
    elif torch.equal(found, packed):
        raise SystemExit("changed: int32 is read as int64 is")
    else:
        assert torch.equal(found, rows[numbers, 0].repeat_interleave(3)[:6]), "changed: what is read instead"

assert torch.int32 in INDEX_DTYPES, "changed: what EdgeIndex takes"
torch.manual_seed(0)
edge_index = torch.randint(40, (2, 160))
x = torch.randn(40, 8, dtype=torch.float64)
layers = {
    "GCNConv": GCNConv(8, 4),
    "GATConv": GATConv(8, 4),
    "GraphConv": GraphConv(8, 4),
    "GINConv": GINConv(torch.nn.Linear(8, 4)),
    "SAGEConv": SAGEConv(8, 4),
    "SAGEConv, max": SAGEConv(8, 4, aggr="max"),
    "TransformerConv": TransformerConv(8, 4),
}
for name, conv in layers.items():
    conv.double()
    out, grad = {}, {}
    for dtype in (torch.int64, torch.int32):
        given = x.clone().requires_grad_()
        out[dtype] = conv(given, EdgeIndex(edge_index.to(dtype), sparse_size=(40, 40)))
        (grad[dtype],) = torch.autograd.grad(out[dtype].square().sum(), given)
    assert torch.allclose(out[torch.int64], out[torch.int32]), "changed: the results"
    away = float((grad[torch.int32] - grad[torch.int64]).norm() / grad[torch.int64].norm())
    print(f"{name}: results agree, gradients are apart by {away:.2f} of their size")
    if name in ("GCNConv", "GATConv"):
        assert away < 1e-9, "changed: the layers that are right"
    else:
        assert not away < 0.1, "changed: the layers that are wrong"
print("as described: an expanded index of int32 gathers other rows, and gradients are wrong")
PYTHON
