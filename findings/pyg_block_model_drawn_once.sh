#!/usr/bin/env bash
# torch-geometric 2.8.1, datasets.StochasticBlockModelDataset and datasets.RandomPartitionGraphDataset.
#
# Expected: num_graphs graphs of the model that is asked for: drawn one by one, of these densities.
# Real: the edges are drawn once, before the loop over the graphs, and all have the same ones: only features can differ.
#   And the name of the file has densities, homophily and degree rounded to one digit, and not is_undirected: a second
#   data set in the same root, of 0.02 after one of 0.04, or directed after undirected, is read from the file of the
#   first, edges, features and all. Nothing is said.
# Why it matters: what is trained on some graphs has seen the graph that it is tested on; a standard deviation over
#   graphs is that of one. A sweep over homophily or density, the use that such data is made for, shows steps: the same
#   graph from 0.76 to 0.84. Take a root for each setting, and num_graphs=1 in each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import sys

import torch
from torch_geometric.datasets import RandomPartitionGraphDataset, StochasticBlockModelDataset
from torch_geometric.utils import homophily, stochastic_blockmodel_graph

torch.manual_seed(0)
sizes, root = [100, 100], sys.argv[1]


def blocks(inside, outside):
    return [[inside, outside], [outside, inside]]


drawn = [stochastic_blockmodel_graph(sizes, blocks(0.1, 0.02)) for _ in range(10)]
several = StochasticBlockModelDataset(f"{root}/several", sizes, blocks(0.1, 0.02), num_graphs=10)
for name, edges in (("drawn one by one", drawn), ("a data set", [data.edge_index for data in several])):
    kinds = len({tuple(edge_index.flatten().tolist()) for edge_index in edges})
    print(f"{name}: {len(edges)} graphs, {kinds} sets of edges")
    assert name == "a data set" or kinds == 10, "changed: the control"
if kinds != 1:
    raise SystemExit("changed: graphs of their own")


def degree(folder, *args, **kwargs):
    data = StochasticBlockModelDataset(f"{root}/{folder}", sizes, *args, **kwargs)[0]
    print(f"{folder}, {args[0]}, {kwargs}: mean degree {data.num_edges / 200:.2f}, undirected {data.is_undirected()}")
    return data


first, second = (degree("one root", blocks(value, value)) for value in (0.04, 0.02))
alone = degree("a root of its own", blocks(0.02, 0.02))
assert 7 < first.num_edges / 200 < 9 and 3 < alone.num_edges / 200 < 5, "changed: the control"
if not torch.equal(first.edge_index, second.edge_index):
    raise SystemExit("changed: a file for each density")
directed = degree("one root", blocks(0.04, 0.04), is_undirected=False)
alone = degree("another of its own", blocks(0.04, 0.04), is_undirected=False)
assert not alone.is_undirected(), "changed: the control of a directed graph"
if not directed.is_undirected():
    raise SystemExit("changed: a file for directed graphs")

ratios = [0.70, 0.72, 0.74, 0.76, 0.78, 0.80, 0.82, 0.84, 0.86]
measured = {}
for where in ("one sweep", "each its own"):
    for ratio in ratios:
        folder = f"{root}/{where}" if where == "one sweep" else f"{root}/{where}/{ratio}"
        data = RandomPartitionGraphDataset(folder, 2, 500, ratio, 10)[0]
        measured[where, ratio] = homophily(data.edge_index, data.y)
    print(f"{where}:", *(f"{ratio:.2f} -> {measured[where, ratio]:.3f}" for ratio in ratios))
assert all(abs(measured["each its own", ratio] - ratio) < 0.03 for ratio in ratios), "changed: the control of homophily"
if len({measured["one sweep", ratio] for ratio in ratios}) != 3:
    raise SystemExit("changed: a file for each homophily")
print("as described: ten graphs are one, and nine settings are three")
PYTHON
