#!/usr/bin/env bash
# torch-geometric 2.8.1, self-loops of an undirected graph in utils.dropout_edge(force_undirected=True),
# transforms.RandomLinkSplit(is_undirected=True) and utils.to_undirected with weights (ToUndirected).
#
# Expected: every pair that is kept comes out in both directions, and a loop, which is its own reverse,
#   comes out once, with its weight.
# Real: the loops are turned round with the rest: the first two return each of them twice, the third adds
#   it to itself, so that its weight is doubled (and doubled again by the next call).
# Why it matters: a graph with self-loops (most stored with GCN's normalisation, some of Geom-GCN's) has
#   another diagonal in training, under dropout or in a link split, than in evaluation.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from collections import Counter

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import dropout_edge, is_undirected, to_undirected

torch.manual_seed(0)
edges = torch.tensor([[0, 1, 1, 2, 0], [1, 0, 2, 1, 0]])  # 0 - 1 - 2 and a loop at 0
assert is_undirected(edges)
split = RandomLinkSplit(num_val=0, num_test=0, is_undirected=True, add_negative_train_samples=False)
outputs = {
    "dropout_edge": dropout_edge(edges, p=1e-9, force_undirected=True)[0],
    "RandomLinkSplit": split(Data(edge_index=edges, num_nodes=3))[0].edge_index,
    "to_undirected without weights": to_undirected(edges),
}
expected = Counter(map(tuple, edges.T.tolist()))
for name, output in outputs.items():
    times = Counter(map(tuple, output.T.tolist()))
    print(f"{name}: the loop {times[0, 0]} times, each other edge {times[0, 1]} times")
    loop = times.pop((0, 0))
    assert times == {pair: 1 for pair in expected if pair != (0, 0)}, "changed: the other edges"
    if loop != (1 if name.startswith("to_") else 2):
        raise SystemExit("changed: how often the loop comes out")
one_way = torch.tensor([[0, 1, 0], [1, 2, 0]])
output, weight = to_undirected(one_way, torch.ones(3))
weights = dict(zip(map(tuple, output.T.tolist()), weight.tolist(), strict=True))
print("to_undirected with weights of 1:", weights)
if weights != {(0, 0): 2.0, (0, 1): 1.0, (1, 0): 1.0, (1, 2): 1.0, (2, 1): 1.0}:
    raise SystemExit("changed: the weight of the loop")
print("as described: loops are doubled")
PYTHON
