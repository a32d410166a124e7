#!/usr/bin/env bash
# torch-geometric 2.8.1, utils.dense_to_sparse(adj, mask) on a batch of dense matrices.
#
# Expected: the mask says which nodes are valid; an entry whose row or whose column is not is left out.
# Real: the mask is applied to the rows alone. An entry in the column of a node that is not there becomes
#   an edge to a node of the next graph, or to one that no graph has; and where the valid nodes are not
#   the first ones, all columns are counted wrongly.
# Why it matters: matrices that a network gives (sigmoid(z @ z.mT), dense pooling) are full, and the mask
#   is what takes the padding out of them. Batched graphs then send messages to each other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.utils import dense_to_sparse


def edges(adj, mask):
    """What PyG gives, and the edges between valid nodes, these numbered through."""
    number = (mask.flatten().cumsum(0) - 1).view_as(mask)
    by_hand = [
        (number[graph, i].item(), number[graph, j].item())
        for graph, i, j in adj.nonzero().tolist()
        if mask[graph, i] and mask[graph, j]
    ]
    found = list(map(tuple, dense_to_sparse(adj, mask)[0].T.tolist()))
    print(f"PyG {found}, by hand {by_hand}")
    return found, by_hand


full = torch.ones(2, 2, 2)
mask = torch.tensor([[True, False], [True, True]])  # a graph of one node, a graph of two
print("padding is zero:", end=" ")
clean, right = edges(full * mask[:, :, None] * mask[:, None, :], mask)
assert clean == right, "changed: the control"
print("padding is not zero:", end=" ")
found, right = edges(full, mask)
if (0, 1) not in found or (0, 1) in right:
    raise SystemExit("changed: no edge from the first graph to the second")
print("the second node of the first graph is the valid one:", end=" ")
mask = mask.flip(1)[:1]
found, right = edges(torch.ones(1, 2, 2) * mask[:, :, None] * mask[:, None, :], mask)
assert (found, right) == ([(0, 1)], [(0, 0)]), "changed: valid nodes behind others"
print("as described: the mask is not applied to the columns")
PYTHON
