#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.NodePropertySplit.
#
# Expected: what its page says of ascending=True, the default: nodes are sorted in ascending order of the property, so
#   that nodes with greater values are out of distribution, and those with smaller ones are trained on.
# Real: the values are negated for ascending=True and sorted then. The most popular, most central or most clustered
#   nodes are the training set, every one of them above every node that counts as out of distribution; ascending=False
#   is what the page says of True.
# Why it matters: a shift from the rim of a graph to its hubs and one from the hubs to the rim are two experiments, and
#   a method that stands one need not stand the other. Figures are reported under the name of the one that was not run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import torch
from torch_geometric.transforms import NodePropertySplit
from torch_geometric.utils import from_networkx

words = " ".join(NodePropertySplit.__doc__.split())
said = "so that nodes with greater values of the property are considered to be OOD (default: :obj:`True`)"
assert f"in ascending order of the node property, {said}" in words, "changed: the words"

graph = nx.barabasi_albert_graph(200, 3, seed=1)
data = from_networkx(graph)
rank = nx.pagerank(graph)
hub = max(rank, key=rank.get)
properties = {
    "popularity": rank,
    "locality": nx.pagerank(graph, personalization={node: float(node == hub) for node in graph}),
    "density": nx.clustering(graph),
}
turned = []
for name, value in properties.items():
    values = torch.tensor([value[node] for node in range(len(graph))], dtype=torch.float64)
    for ascending in (True, False):
        torch.manual_seed(0)
        made = NodePropertySplit(name, [0.3, 0.1, 0.1, 0.3, 0.2], ascending=ascending)(data.clone())
        inside = values[made.id_train_mask | made.id_val_mask | made.id_test_mask]
        outside = values[made.ood_val_mask | made.ood_test_mask]
        assert len(inside) == len(outside) == len(graph) // 2, "changed: the sizes of the parts"
        print(f"{name}, ascending={ascending}:", end=" ")
        print(f"mean {inside.mean():.4f} in distribution, {outside.mean():.4f} out of it")
        above = inside.min() >= outside.max() and inside.mean() > outside.mean()
        below = inside.max() <= outside.min() and inside.mean() < outside.mean()
        assert above != below, "changed: the parts are not those of an order"
        turned.append(above == ascending)
if not all(turned):
    raise SystemExit("changed: which end of the order is out of distribution")
print("as described: with ascending=True the smaller values are out of distribution")
PYTHON
