#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.dense.DenseGraphConv(aggr="max").
#
# Expected: one layer reads its matrix one way. With aggr="add" and "mean" node i gathers along row i (the sparse layer,
#   GraphConv, is met by the transposed matrix, as issue 2319 says), and an entry is the weight of its edge, which
#   GraphConv multiplies the message by before it takes the maximum.
# Real: with aggr="max" node i gathers along column i: of a directed graph the maximum is that of the other neighbours.
#   And an entry counts as an edge if it is not 0, whatever it is: 0.001 is as much of an edge as 1.
# Why it matters: "add", "mean" and "max" are tried against each other, and one of the three is run on the graph turned
#   round. A matrix that comes out of pooling has no zeros: every node then has the same maximum, that over all nodes.
#   On symmetric matrices of zeros and ones nothing shows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import GraphConv
from torch_geometric.nn.dense import DenseGraphConv
from torch_geometric.utils import dense_to_sparse, erdos_renyi_graph, to_dense_adj


def layers(aggr):
    torch.manual_seed(0)
    dense, sparse = DenseGraphConv(4, 3, aggr=aggr).double(), GraphConv(4, 3, aggr=aggr).double()
    sparse.load_state_dict(dense.state_dict())
    return dense, sparse


torch.manual_seed(1)
directed = to_dense_adj(erdos_renyi_graph(8, 0.3, directed=True), max_num_nodes=8)[0].double()
x = torch.randn(8, 4, dtype=torch.float64)
assert not torch.equal(directed, directed.t())
for name, adj in (("directed", directed), ("symmetric", ((directed + directed.t()) > 0).double())):
    for aggr in ("add", "mean", "max"):
        dense, sparse = layers(aggr)
        found = dense(x, adj)[0]
        rows, columns = (sparse(x, dense_to_sparse(matrix)[0]) for matrix in (adj.t(), adj))
        by_row, by_column = torch.allclose(found, rows), torch.allclose(found, columns)
        print(f"{name}, {aggr}: along the rows {by_row}, along the columns {by_column}")
        if name == "symmetric":
            assert by_row and by_column, "changed: the control"
        elif aggr != "max":
            assert by_row and not by_column, "changed: the way of the sum and the mean"
        elif by_row or not by_column:
            raise SystemExit("changed: the maximum is taken along the rows")

weighted = directed * torch.rand(8, 8, dtype=torch.float64)
for aggr in ("add", "max"):
    dense, sparse = layers(aggr)
    edge_index, weight = dense_to_sparse(weighted if aggr == "max" else weighted.t())
    counts = not torch.allclose(dense(x, weighted), dense(x, directed))
    as_sparse = torch.allclose(dense(x, weighted)[0], sparse(x, edge_index, weight))
    print(f"{aggr}: the weights count {counts}, as in GraphConv {as_sparse}")
    assert counts == as_sparse == (aggr == "add"), "changed: what weights do"

dense, _ = layers("max")
assignment = torch.randn(8, 3, dtype=torch.float64).softmax(dim=-1)
pooled = assignment.t() @ directed @ assignment
clusters = assignment.t() @ x
message = dense(clusters, pooled)[0] - dense.lin_root(clusters)
print(f"after pooling the messages of the three clusters differ by {(message - message[0]).abs().max():.1e}")
assert torch.allclose(message, message[:1].expand_as(message)), "changed: pooled matrices"
print("as described: the maximum follows the columns and no weights")
PYTHON
