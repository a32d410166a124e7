#!/usr/bin/env bash
# torch-geometric 2.8.1, utils.to_edge_index, and with it GCNConv, TAGConv, SGConv, APPNP and GATConv, with a sparse COO
# tensor in which an entry is listed twice.
#
# Expected: a layer reads its adjacency matrix and leaves it as it is. A tensor of parallel edges is the sum of its
#   entries, coalesce() adds them up, and is_coalesced() says False until then.
# Real: the tensor of the caller is marked as coalesced, in place, with all its entries still there. From then on
#   coalesce() returns it as it is, values() and indices() no longer refuse it, and what PyTorch computes entry by entry
#   after a coalesce() of its own has other numbers: the same line before and after the first call of a layer. Nothing
#   is said. The outputs of the layers are the same, and so are to_dense() and the product.
# Why it matters: A.sqrt(), A * A, A.coalesce().bool() and a row-wise softmax of a multigraph are those of single
#   edges, or not, by whether a network has been run on it: a notebook whose cells are run in another order. The remedy
#   for parallel edges, coalesce(), is no remedy any more. Hand a coalesced tensor to the layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import APPNP, GATConv, GCNConv, SAGEConv, SGConv, TAGConv
from torch_geometric.utils import to_edge_index

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
index = torch.tensor([[0, 1, 1, 2, 0, 1], [1, 0, 2, 1, 1, 0]])  # the edge of 0 and 1 is there twice
weight = torch.tensor([1.0, 1, 4, 4, 3, 3])
x = torch.randn(3, 4)
layers = [GCNConv(4, 2), TAGConv(4, 2), SGConv(4, 2), APPNP(2, 0.1), GATConv(4, 2)]
lines = {
    "entries of coalesce()": lambda a: a.coalesce().values().numel(),
    "sum of coalesce().bool()": lambda a: a.coalesce().bool().double().to_dense().sum().item(),
    "sqrt() at (0, 1)": lambda a: a.sqrt().to_dense()[0, 1].item(),
    "A * A at (0, 1)": lambda a: (a * a).to_dense()[0, 1].item(),
    "softmax at (1, 0)": lambda a: torch.sparse.softmax(a, dim=1).to_dense()[1, 0].item(),
}


def adjacency():
    return torch.sparse_coo_tensor(index, weight, (3, 3))


for layer in layers:
    a = adjacency()
    first, marked, second = layer(x, a), a.is_coalesced(), layer(x, a)
    print(f"{type(layer).__name__}: is_coalesced() is {marked} after a call, with {a._nnz()} entries for 4 places")
    if not marked:
        raise SystemExit("changed: the tensor stays as it is")
    assert torch.allclose(first, second) and torch.allclose(first, layer(x, adjacency().coalesce())), "changed: outputs"
    assert a._nnz() == 6, "changed: the entries"
a = adjacency()
SAGEConv(4, 2)(x, a)
assert not a.is_coalesced(), "changed: SAGEConv"
a = adjacency()
to_edge_index(a)
assert a.is_coalesced(), "changed: to_edge_index"

right = {"entries of coalesce()": 4, "sum of coalesce().bool()": 4, "sqrt() at (0, 1)": 2, "A * A at (0, 1)": 16}
for name, line in lines.items():
    a = adjacency()
    before, whole = line(a), a.to_dense()
    GCNConv(4, 2)(x, a)
    after = line(a)
    print(f"{name}: {before:.4g} before the call of a layer, {after:.4g} after it")
    assert before == right.get(name, before) and torch.equal(a.to_dense(), whole), "changed: before, or the sum"
    if before == after:
        raise SystemExit("changed: a call is no matter")
print("as described: the caller's tensor is marked, and entries that are added up no longer are")
PYTHON
