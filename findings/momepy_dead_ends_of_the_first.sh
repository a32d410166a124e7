#!/usr/bin/env bash
# momepy 0.11.0, subgraph with cds_length=True, its default.
#
# Expected: the values of the functions of one character each, computed together: cds_length, the length of the streets
#   in reach of a node that end in a dead end, as momepy.cds_length has it.
# Real: which streets these are is written on the edges after the surroundings of the node have been copied, once for
#   each node. The first node of the graph has none written on its copy: its length is 0, or with mode="mean" not a
#   number, whatever is around it. All others are right.
# Why it matters: a value of one node that is 0 looks like a place without dead ends. Which node it is hangs on the
#   order of the streets in a file, and two values that the library itself computes of one thing differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet geopandas==1.2.0 libpysal==4.14.1 tqdm==4.70.1 momepy==0.11.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import momepy
import networkx as nx
import numpy as np

numbers = np.random.default_rng(0)
wrong = total = 0
for size in range(3, 13):
    graph = nx.MultiGraph()
    graph.add_edges_from(nx.random_labeled_tree(2 * size, seed=size).edges)
    for u, v, k in graph.edges(keys=True):
        graph.edges[u, v, k]["mm_len"] = 1 + numbers.random()
    graph = momepy.node_degree(graph)
    together = momepy.subgraph(graph, radius=3, verbose=False)
    alone = momepy.cds_length(graph, radius=3, verbose=False)
    for place, node in enumerate(graph):
        near = nx.single_source_shortest_path_length(graph, node, 3)
        streets = graph.subgraph(near).edges(data="mm_len")
        right = sum(length for u, v, length in streets if 1 in (graph.degree[u], graph.degree[v]))
        found, other = together.nodes[node]["cds_length"], alone.nodes[node]["cds_len"]
        assert np.isclose(other, right), "changed: the control, cds_length"
        if place == 0:
            print(f"{len(graph)} nodes, the first: subgraph {found:.3f}, cds_length {other:.3f}, right is {right:.3f}")
            if np.isclose(found, right):
                raise SystemExit("changed: the first node is right")
            assert found == 0, "changed: what comes instead"
        else:
            assert np.isclose(found, right), "changed: the other nodes"
    wrong, total = wrong + 1, total + len(graph)
print(f"{wrong} of {total} nodes of 10 trees have none of the dead ends around them")
print("as described: the first node has no dead ends")
PYTHON
