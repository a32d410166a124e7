#!/usr/bin/env bash
# XGI 0.10.2, katz_centrality.
#
# Expected: walks of all lengths are counted, a longer one for less, up to the given cutoff, as its page says: a node
#   next to a hub is above a node of as many neighbours far from one. NetworkX's katz_centrality has 0.1 for the factor
#   of each further step and takes any other.
# Real: the factor is 1 / 2^n for n nodes, which the page does not say and no argument changes. At 30 nodes it is 1e-9,
#   and from some 55 on below the last digit of a float: the result is the degree (the number of shared hyperedges),
#   divided by its sum, to the last digits, and a cutoff of 2 and one of 100 give the same.
# Why it matters: as a feature beside the degree it is the same column twice, and a comparison of centralities has a
#   line that is another one's copy. In small graphs the weight of walks depends on how many nodes there are: a graph
#   with isolated nodes added has another ranking.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet xgi==0.10.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import xgi


def katz(graph, factor):
    """The sum of all powers, by its closed form, divided by its sum."""
    matrix = nx.to_numpy_array(graph, nodelist=range(len(graph)))
    assert factor * np.linalg.eigvalsh(matrix)[-1] < 1
    scores = np.linalg.solve(np.eye(len(graph)) - factor * matrix, matrix.sum(axis=1))
    return scores / scores.sum()


for size in (6, 12, 30, 60, 200):
    hub = nx.star_graph(size // 3)
    graph = nx.compose(hub, nx.relabel_nodes(nx.path_graph(size - size // 3), lambda node: node + size // 3))
    assert len(graph) == size
    degree = np.array([graph.degree(node) for node in range(size)]) / (2 * graph.size())
    hypergraph = xgi.Hypergraph(list(graph.edges))
    found, short = (xgi.katz_centrality(hypergraph, cutoff=cutoff) for cutoff in (100, 2))
    found, short = (np.array([scores[node] for node in range(size)]) for scores in (found, short))
    other = katz(graph, 0.1)
    assert np.allclose(found, katz(graph, 0.5**size), rtol=1e-6), "changed: the factor"
    off = np.abs(found / degree - 1).max()
    print(f"{size} nodes: off the degree by {off:.1e}, with a factor of 0.1 by", end=" ")
    print(f"{np.abs(other / degree - 1).max():.2f}; the cutoff changes {np.abs(short / found - 1).max():.1e}")
    if size >= 60 and off > 1e-9:
        raise SystemExit("changed: it is not the degree")
    assert np.abs(other / degree - 1).max() > 0.02 and (size > 6 or off > 1e-3), "changed: the controls"

small = xgi.Hypergraph([*((0, leaf) for leaf in range(1, 6)), (5, 6), (7, 8), (8, 9), (9, 10), (10, 7)])
scores = []
for added in (0, 40):
    small.add_nodes_from(range(11, 11 + added))
    result = xgi.katz_centrality(small)
    scores.append(result[5] / result[7])
print(f"two nodes of degree 2, by a hub and in a ring: {scores[0]:.6f} to 1, with 40 isolated nodes {scores[1]:.6f}")
assert scores[0] > 1 + 1e-4 and abs(scores[1] - 1) < 1e-9, "changed: isolated nodes"
print("as described: from some fifty nodes on it is the degree")
PYTHON
