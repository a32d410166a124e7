#!/usr/bin/env bash
# torch-geometric 2.8.1, barabasi_albert_graph and with it datasets.graph_generator.BAGraph.
#
# Expected: as the docstring says, every new node is attached to existing ones: with one edge a node
#   the graph is a tree.
# Real: the new node is among the nodes that it chooses from, with the weight of its own edges; the
#   loop that it so draws is removed again. Of 1,000 graphs of 20 nodes and one edge a node most are
#   not connected, and many have a node without an edge. NetworkX's are all trees.
# Why it matters: benchmarks of explanations such as BA-2motifs and BA-shapes are built on this
#   generator; the published ones have neither loose pieces nor nodes of degree 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import networkx as nx
import numpy as np
import torch
from torch_geometric.utils import barabasi_albert_graph

torch.manual_seed(0)
np.random.seed(0)


def drawn():
    graph = nx.empty_graph(20)
    graph.add_edges_from(barabasi_albert_graph(20, 1).t().tolist())
    return graph


ours = [drawn() for _ in range(1000)]
peers = [nx.barabasi_albert_graph(20, 1, seed=seed) for seed in range(1000)]
broken = sum(not nx.is_connected(graph) for graph in ours)
alone = sum(nx.number_of_isolates(graph) > 0 for graph in ours)
print(f"PyG: {broken} of 1000 are not connected, {alone} have a node without an edge")
assert broken > 500, "changed: most are connected"
assert all(nx.is_tree(graph) for graph in peers), "changed: NetworkX draws other than trees"
print("as described: a new node may choose itself, and that edge is lost")
PYTHON
