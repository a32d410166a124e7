#!/usr/bin/env bash
# torch-geometric 2.8.1, the gradient of EdgeIndex.matmul(transpose=True) between two sets of nodes.
#
# Expected: what an EdgeIndex sorted by column multiplies has a gradient, that of the plain tensor of the same pairs.
# Real: the backward pass builds the matrix of the transposed product with its two sizes exchanged. Where sources and
#   targets are as many, as in one graph, nobody notices; where they are not, the forward pass gives right values and
#   the backward pass raises RuntimeError, that the shapes of two matrices cannot be multiplied.
# Why it matters: matmul and GraphConv, the layer that calls it, can be evaluated on bipartite graphs (users and items,
#   blocks of sampled neighbors) and not trained on them; the message names neither the order nor the layer.
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
from torch_geometric.nn import GraphConv

torch.manual_seed(0)
for targets in (5, 3):
    pairs = torch.stack([torch.randint(5, (9,)), torch.randint(targets, (9,))])
    pairs = pairs[:, pairs[1].argsort(stable=True)]
    edges = EdgeIndex(pairs, sparse_size=(5, targets), sort_order="col").validate()
    x = torch.randn(5, 4, requires_grad=True), torch.randn(targets, 4)
    layer = GraphConv((4, 4), 2)
    runs = {
        "matmul": (
            edges.matmul(x[0], transpose=True),
            torch.zeros(targets, 4).index_add(0, pairs[1], x[0][pairs[0]]),
        ),
        "GraphConv": (layer(x, edges), layer(x, pairs)),
    }
    for name, (out, plain) in runs.items():
        assert torch.allclose(out, plain, atol=1e-6), "changed: the forward pass"
        (expected,) = torch.autograd.grad(plain.sum(), x[0])
        try:
            (found,) = torch.autograd.grad(out.sum(), x[0])
            said = "the gradient of the plain tensor"
            assert torch.allclose(found, expected, atol=1e-6), "changed: the gradient"
        except RuntimeError as error:
            said = f"RuntimeError, {error}"
        print(f"5 sources, {targets} targets, {name}: {said}")
        assert ("cannot be multiplied" in said) is (targets != 5), "changed"
PYTHON
echo "as described: between unequal sets there is no gradient"
