#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.pool.TopKPooling, SAGPooling and ASAPooling, and with them nn.GraphUNet.
#
# Expected: what their pages say: k = ceil(ratio * N) for a float and k itself for an int, "depending on whether the
#   type of ratio is float or int". So ratio=1.0 keeps every node, and ratio=1 one node of each graph.
# Real: the value is looked at, not the type: from 1 on it is a number of nodes. 0.999 keeps all nodes of a graph of up
#   to a thousand, and 1.0 keeps one. No error, no warning.
# Why it matters: 1.0 is the end of every sweep over ratios and the way to switch pooling off for a baseline. The
#   baseline of a network that pools is then one that reads a single node, and the curve over ratios falls off at the
#   end, as if pooling helped. GraphUNet(pool_ratios=1.0) is a network around one node.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from math import ceil

import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GraphUNet
from torch_geometric.nn.pool import ASAPooling, SAGPooling, TopKPooling
from torch_geometric.utils import erdos_renyi_graph

torch.manual_seed(0)
graphs = [Data(x=torch.randn(size, 8), edge_index=erdos_renyi_graph(size, 0.3)) for size in (10, 20, 30)]
batch = Batch.from_data_list(graphs)
for pooling in (TopKPooling, SAGPooling, ASAPooling):
    for ratio in (0.5, 0.9, 0.999, 1.0, 1):
        out = pooling(8, ratio=ratio)(batch.x, batch.edge_index, batch=batch.batch)
        kept = out[3].bincount(minlength=3).tolist()
        right = [ceil(ratio * graph.num_nodes) if isinstance(ratio, float) else ratio for graph in graphs]
        print(f"{pooling.__name__}(ratio={ratio!r}) keeps {kept}, by its page {right}")
        if ratio != 1 or isinstance(ratio, int):
            assert kept == right, "changed: the control"
        elif kept == right:
            raise SystemExit("changed: a ratio of 1.0 keeps all")
        else:
            assert kept == [1, 1, 1], "changed: how many are kept"

x, edge_index = graphs[2].x, graphs[2].edge_index
for ratio in (0.999, 1.0):
    network = GraphUNet(8, 16, 4, depth=2, pool_ratios=ratio).eval()
    sizes = []
    for pool in network.pools:
        pool.register_forward_hook(lambda module, inputs, out: sizes.append(len(out[0])))
    network(x, edge_index)
    print(f"GraphUNet(pool_ratios={ratio}) on 30 nodes works on {sizes}")
    assert sizes == ([30, 30] if ratio < 1 else [1, 1]), "changed: GraphUNet"
print("as described: a ratio of 1.0 keeps one node of each graph")
PYTHON
