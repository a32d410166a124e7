#!/usr/bin/env bash
# PyTorch Geometric 2.8.1, nn.aggr.LSTMAggregation, as in SAGEConv(aggr="lstm").
#
# Expected: the state of a node depends on its own neighbours: the last hidden state of an LSTM that has
#   read them. In particular one graph gives the same rows alone and in a batch.
# Real: groups are padded with zeros to the largest group of the batch, the LSTM goes on reading the
#   zeros, and the state after the last of them is returned. A node's output changes when another graph
#   with a larger degree joins the batch.
# Why it matters: predictions depend on what else is in the batch, in evaluation, too; figures change with
#   the batch size, and a node of a served graph is not the node that was validated. Packed sequences
#   (torch.nn.utils.rnn.pack_padded_sequence) read each group to its own end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import SAGEConv

torch.manual_seed(0)
conv = SAGEConv(4, 4, aggr="lstm").eval()
small = Data(x=torch.randn(3, 4), edge_index=torch.tensor([[1, 2], [0, 0]]))
star = Data(x=torch.randn(9, 4), edge_index=torch.stack([torch.arange(1, 9), torch.zeros(8).long()]))
with torch.no_grad():
    alone = conv(small.x, small.edge_index)
    batch = Batch.from_data_list([small, star])
    beside = conv(batch.x, batch.edge_index)[:3]
    state = conv.aggr_module.lstm(small.x[None, 1:])[0][0, -1]
    read = conv.aggr_module(small.x[1:], torch.tensor([0, 0]), dim_size=1)[0]
    padded = conv.aggr_module(
        torch.cat([small.x[1:], star.x[1:]]), torch.tensor([0, 0] + [1] * 8), dim_size=2
    )[0]
print("node 0 alone:           ", [round(v, 4) for v in alone[0].tolist()])
print("the same beside a star: ", [round(v, 4) for v in beside[0].tolist()])
assert torch.allclose(read, state, atol=1e-6), "changed: a group alone is not read to its end"
if torch.allclose(alone, beside, atol=1e-6) or torch.allclose(padded, state, atol=1e-6):
    raise SystemExit("changed: a graph gives the same rows alone and in a batch")
print("as described: rows of a graph depend on the largest degree in its batch")
PYTHON
