#!/usr/bin/env bash
# torch-geometric 2.8.1, the linear attention of nn.attention: PerformerAttention, SGFormerAttention and
# PolynormerAttention, and with them nn.GPSConv(attn_type="performer"), nn.SGFormer and nn.Polynormer.
#
# Expected: the mask says which nodes are valid, and a node attends to those: a graph has the same outputs alone, in a
#   batch and with whatever padding, as it has with attn_type="multihead".
# Real: the mask clears the values alone. The keys of the padding stay in the sum that the attention is divided by (and
#   SGFormer counts the padding among its N nodes), so that a graph attends to as many empty nodes as the largest graph
#   of the batch is larger. The more there are, the less comes from the graph's own.
# Why it matters: predictions depend on the other graphs of the batch, in evaluation, too; small graphs among large ones
#   lose their attention, in training with batches and not when they are served alone. Batches of graphs of one size
#   are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import GCNConv, GPSConv, Polynormer, SGFormer
from torch_geometric.nn.attention import PerformerAttention, PolynormerAttention, SGFormerAttention

torch.manual_seed(0)
x, edge_index = torch.randn(6, 16), torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0, 1, 2, 3, 4]])


def padded(attention, size):
    """The outputs for the six nodes when the largest graph of a batch has `size`."""
    with torch.no_grad():
        dense = torch.cat([x, torch.zeros(size - 6, 16)])[None]
        return attention(dense, torch.arange(size)[None] < 6)[0, :6]


for attention in (PerformerAttention(16, 4), SGFormerAttention(16, 4), PolynormerAttention(16, 1, head_channels=16)):
    attention.eval()
    with torch.no_grad():
        assert torch.allclose(padded(attention, 6), attention(x[None])[0], atol=1e-5), "changed: the control, no mask"
    off = [float((padded(attention, size) - padded(attention, 6)).abs().max()) for size in (7, 12, 60, 600)]
    print(f"{type(attention).__name__}, padded to 7, 12, 60 and 600: off by", *(f"{value:.4f}" for value in off))
    if not off[-1] > 0.02:
        raise SystemExit("changed: the mask holds")
performer, six = PerformerAttention(16, 4, attn_out_bias=False).eval(), slice(0, 6)
shares = [float(padded(performer, size).norm() / padded(performer, 6).norm()) for size in (60, 600, 6000)]
print("size of what Performer attends to, padded to 60, 600 and 6000, of what it is alone:", end=" ")
print(*(f"{share:.3f}" for share in shares))
assert shares[0] > shares[1] > shares[2] and shares[2] < 0.5, "changed: what padding takes away"

models = {
    "GPSConv, multihead": GPSConv(16, GCNConv(16, 16), heads=4, attn_type="multihead"),
    "GPSConv, performer": GPSConv(16, GCNConv(16, 16), heads=4, attn_type="performer"),
    "SGFormer": SGFormer(16, 16, 3),
    "Polynormer, global": Polynormer(16, 16, 3),
}
models["Polynormer, global"]._global = True  # as its example does after the epochs of its local part
for name, model in models.items():
    model.eval()
    outs = []
    for size in (0, 6, 60, 600):  # the nodes of another graph in the batch
        batch = torch.arange(6 + size).ge(6).long()
        with torch.no_grad():
            outs.append(model(torch.cat([x, torch.randn(size, 16)]), edge_index, batch=batch)[six])
    off = [float((out - outs[0]).abs().max()) for out in outs[1:]]
    print(f"{name}, beside a graph of 6, 60 and 600: off by", *(f"{value:.4f}" for value in off))
    assert off[0] < 1e-4 and (name != "GPSConv, multihead" or max(off) < 1e-4), "changed: the control"
    if name != "GPSConv, multihead" and not off[-1] > 1e-3:
        raise SystemExit("changed: a graph is the same in each batch")
print("as described: the padding is attended to")
PYTHON
