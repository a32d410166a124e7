#!/usr/bin/env bash
# pathpy 2.2.0, algorithms.centralities.closeness of a Network.
#
# Expected: a node that most others reach in few steps is above one that hardly any reaches. Where not all do, NetworkX
#   multiplies by the share of those that do, and closeness of Paths, the same function, adds up reciprocals.
# Real: n - 1 is divided by the sum of the distances that are finite: who is not reached adds nothing to the sum, and
#   the n - 1 stays. A node that one other reaches in one step has n - 1, the largest value that there is, which in a
#   connected graph only the centre of a star has; one that nobody reaches has 0.
# Why it matters: the rankings of directed and of disconnected graphs are turned round: the fewer reach a node, the
#   higher it is, and an edge that makes it reachable for more lowers it. The page says nothing of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4 networkx==3.4.2
"$folder/venv/bin/pip" install --quiet pathpy==2.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import pathpy
from pathpy.algorithms.centralities import closeness

pathpy.utils.Log.set_min_severity(pathpy.utils.Severity.ERROR)


def scores(graph):
    network, paths = pathpy.Network(directed=graph.is_directed()), pathpy.Paths()
    for u, v in graph.edges:
        network.add_edge(str(u), str(v))
        paths.add_path((str(u), str(v)))
    found = closeness(network)
    return np.array([found[str(node)] for node in graph]), closeness(paths)


for seed in range(5):  # all reach all
    graph = nx.gnp_random_graph(12, 0.3, seed=seed, directed=True)
    graph.add_edges_from((node, (node + 1) % 12) for node in graph)
    found, right = scores(graph)[0], list(nx.closeness_centrality(graph).values())
    assert np.allclose(found, right), "changed: the control"
print("five graphs in which all reach all: that of NetworkX")

ring = nx.Graph(nx.cycle_graph(20))
ring.add_edges_from((0, node) for node in range(2, 19))  # node 0 is next to all of them
ring.add_edge(20, 21)
found, right = scores(ring)[0], np.array(list(nx.closeness_centrality(ring).values()))
print(f"a wheel of 20 and a pair beside it: the hub {found[0]:.3f}, the pair {found[20]:.3f};", end=" ")
print(f"in NetworkX {right[0]:.3f} and {right[20]:.3f}")
if found[20] <= found[0]:
    raise SystemExit("changed: the hub is above the pair")
assert found[20] == len(ring) - 1 and right[20] < right[0], "changed: the values"
ring.add_edge(21, 0)
print(f"the pair joined to the hub, which brings node 20 to {scores(ring)[0][20]:.3f}")
assert scores(ring)[0][20] < 1, "changed: an edge more lowers it"

signs = []
for seed in range(30):
    graph = nx.gnp_random_graph(40, 0.03, seed=seed, directed=True)
    graph.remove_nodes_from(list(nx.isolates(graph)))
    found, right = scores(graph)[0], np.array(list(nx.closeness_centrality(graph).values()))
    reached = np.array([len(nx.ancestors(graph, node)) for node in graph])
    for node, distances in ((node, nx.single_target_shortest_path_length(graph, node)) for node in graph):
        total = sum(dict(distances).values())
        value = (len(graph) - 1) / total if total else 0
        assert np.isclose(found[list(graph).index(node)], value), "changed: what comes instead"
    some = reached > 0
    signs.append([np.corrcoef(values[some], reached[some])[0, 1] for values in (found, right)])
mean = np.mean(signs, axis=0)
print(f"30 sparse directed graphs, correlation with how many reach a node: {mean[0]:+.2f}, in NetworkX {mean[1]:+.2f}")
assert mean[0] < -0.5 and mean[1] > 0.5, "changed: the ranking"
print("as described: the fewer reach a node, the closer it counts")
PYTHON
