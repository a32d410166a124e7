#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.EGConv with aggregators other than "symnorm".
#
# Expected: add_self_loops=True, the default, gives every node a loop: nodes in another order have the same outputs in
#   that order, and a graph has the same outputs alone and in a batch. With "symnorm" among the aggregators it is so.
# Real: loops are added up to the largest number that the edges name, since the number of nodes is not handed on. Nodes
#   without an edge that come last have no loop, and their output is the bias, whatever their features are; the same
#   nodes anywhere else have one.
# Why it matters: ions in a molecule, users without an item and whatever a dropout of edges left alone are blank if they
#   are last, which in a batch they are in its last graph only: the prediction depends on the order of the graphs.
#   add_remaining_self_loops(edge_index, num_nodes=...) before the layer gives what is meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import EGConv
from torch_geometric.utils import add_remaining_self_loops

torch.manual_seed(0)
pairs = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])  # a path of five nodes, and two more without an edge
edge_index = torch.cat([pairs, pairs.flip(0)], dim=1)
x = torch.randn(7, 8)
for aggregators in (["symnorm"], ["symnorm", "max", "std"], ["mean"], ["sum", "max"], ["mean", "var"]):
    conv = EGConv(8, 8, aggregators=aggregators)
    torch.nn.init.normal_(conv.bias)
    with torch.no_grad():
        out = conv(x, edge_index)
        right = conv(x, add_remaining_self_loops(edge_index, num_nodes=7)[0])
        order = torch.tensor([6, 4, 2, 5, 0, 1, 3])  # the two come first and in the middle
        place = order.argsort()
        moved = conv(x[order], place[edge_index])[place]
        two = Batch.from_data_list([Data(x=x, edge_index=edge_index)] * 2)
        first, last = conv(two.x, two.edge_index).split(7)
        blank = [int(row) for row in range(7) if torch.allclose(out[row], conv.bias)]
    assert torch.allclose(moved, right, atol=1e-5) and torch.allclose(first, right, atol=1e-5), "changed: the control"
    assert torch.allclose(last, out, atol=1e-5), "changed: the last graph of a batch"
    off = (out - right).abs().amax(dim=1)
    print(f"{'+'.join(aggregators)}: nodes that are the bias {blank},", end=" ")
    print(f"distance to the same nodes in another order {off.max():.2f}")
    assert off[:5].max() < 1e-4, "changed: other nodes differ"
    if ("symnorm" in aggregators) != (off.max() < 1e-4) or blank != ([] if "symnorm" in aggregators else [5, 6]):
        raise SystemExit("changed: which nodes have a loop")
print("as described: the last nodes have no loop if they have no edge")
PYTHON
