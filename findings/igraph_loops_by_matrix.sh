#!/usr/bin/env bash
# igraph 1.0.0 (python-igraph), Graph.get_adjacency of an undirected graph with self-loops.
#
# Expected: the number of edges of each pair of nodes, as its docstring says, and what get_adjacency_sparse
#   and NetworkX give: 1 for a loop. Graph.Adjacency reads the matrix back to the same graph.
# Real: a loop is 2 in get_adjacency and 1 in get_adjacency_sparse of the same graph. Graph.Adjacency takes
#   the 2 for two loops, so that a round trip doubles them, and the next one doubles them again.
# Why it matters: a graph with loops has another spectrum, other walks and other degrees by the call that made
#   its matrix: eigenvector_centrality is that of the dense one, and NetworkX's that of the sparse one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet igraph==1.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import igraph as ig
import networkx as nx
import numpy as np


def matrices(graph):
    dense, sparse = np.array(graph.get_adjacency().data), graph.get_adjacency_sparse().toarray()
    peer = nx.to_numpy_array(graph.to_networkx(), weight=None)
    return dense, sparse, peer


edges = [(0, 1), (1, 2)]
for name, graph in {
    "path": ig.Graph(3, edges),
    "path with a loop, directed": ig.Graph(3, [*edges, (2, 2)], directed=True),
    "path with two parallel edges": ig.Graph(3, [*edges, (1, 2)]),
}.items():
    dense, sparse, peer = matrices(graph)
    print(f"{name}: the matrices are the same")
    assert (dense == sparse).all() and (dense == peer).all(), "changed: the control"
graph = ig.Graph(3, [*edges, (2, 2)])
dense, sparse, peer = matrices(graph)
print(f"path with a loop: {dense[2, 2]} in get_adjacency, {sparse[2, 2]} in get_adjacency_sparse, {peer[2, 2]:.0f} in NetworkX")
if (dense[2, 2], sparse[2, 2], peer[2, 2]) != (2, 1, 1):
    raise SystemExit("changed: what a loop counts")
loops = []
for step in range(4):
    loops.append(sum(graph.is_loop()))
    graph = ig.Graph.Adjacency(graph.get_adjacency().data, mode="undirected")
print("loops after 0, 1, 2 and 3 round trips:", loops)
assert loops == [1, 2, 4, 8], "changed: a round trip"


def leading(matrix):
    vector = np.abs(np.linalg.eigh(matrix)[1][:, -1])
    return vector / vector.max()


central = np.array(ig.Graph(3, [*edges, (2, 2)]).eigenvector_centrality())
other = np.array(list(nx.eigenvector_centrality_numpy(nx.Graph([*edges, (2, 2)])).values()))
print("eigenvector centrality: igraph", central.round(4), "NetworkX", (other / other.max()).round(4))
assert np.allclose(central, leading(dense)) and np.allclose(other / other.max(), leading(sparse)), "changed"
print("as described: a loop is two edges in one matrix and one in the other")
PYTHON
