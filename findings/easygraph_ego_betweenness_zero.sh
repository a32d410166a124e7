#!/usr/bin/env bash
# EasyGraph 1.6.3 (Python-EasyGraph), ego_betweenness.
#
# Expected: the betweenness of a node within its ego network, by the formula of the paper that it names (Everett and
#   Borgatti 2005): of A^2 (1 - A), with the adjacency matrix A of the ego network, the sum of the reciprocals. It is
#   what NetworkX's betweenness_centrality gives in ego_graph: 6 for the middle of a star of four leaves.
# Real: A * A is taken for the square of A, and of NumPy's arrays that is A itself, entry by entry. Where 1 - A is 1, at
#   the pairs that are not joined, it is 0: no pair is left, and every node of every graph has 0.0. Nothing is said, but
#   the edges and nodes of each ego network are printed on the way.
# Why it matters: structural holes, brokers between neighbours that do not know each other, are what the library is
#   made for, and this measure finds none. 0 is a possible value, that of a node in a clique, so that a table of zeros
#   says that all neighbours of everybody know each other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2 requests==2.34.2 fastjsonschema==2.22.3
"$folder/venv/bin/pip" install --quiet --no-deps python-easygraph==1.6.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from contextlib import redirect_stdout
from io import StringIO

import easygraph as eg
import networkx as nx
import numpy as np


def formula(graph, node):
    ego = nx.ego_graph(graph, node)
    matrix = nx.to_numpy_array(ego, weight=None)
    ways = np.triu(matrix @ matrix * (1 - matrix), 1)
    return (1 / ways[ways > 0]).sum()


graphs = {
    "star of four leaves": nx.star_graph(4),
    "karate club": nx.karate_club_graph(),
    "Les Miserables": nx.convert_node_labels_to_integers(nx.les_miserables_graph()),
    "clique": nx.complete_graph(6),
}
for name, graph in graphs.items():
    same = eg.Graph()
    same.add_nodes(list(graph.nodes))
    same.add_edges([(u, v) for u, v in graph.edges])
    with redirect_stdout(StringIO()) as printed:
        found = np.array([eg.ego_betweenness(same, node) for node in graph])
    right = np.array([formula(graph, node) for node in graph])
    egos = [nx.ego_graph(graph, node) for node in graph]
    within = [nx.betweenness_centrality(ego, normalized=False)[node] for node, ego in zip(graph, egos, strict=True)]
    assert np.allclose(right, within)
    print(f"{name}: the largest is {found.max():g}, by the formula {right.max():.2f};", end=" ")
    print(f"{(found == 0).mean():.0%} of the nodes have 0, by the formula {(right == 0).mean():.0%};", end=" ")
    print(f"lines printed: {printed.getvalue().count(chr(10))}")
    if name == "clique":
        assert not right.any() and not found.any(), "changed: the clique"
    elif np.allclose(found, right):
        raise SystemExit("changed: the formula is followed")
    else:
        assert not found.any(), "changed: another number"
print("as described: every node has 0")
PYTHON
