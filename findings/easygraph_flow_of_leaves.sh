#!/usr/bin/env bash
# EasyGraph 1.6.3 (Python-EasyGraph), flowbetweenness_centrality.
#
# Expected: the formula of its page: for each pair s, t the number of independent paths from s to t that can pass
#   through v, over the number of independent paths from s to t. A path visits t once, at its end: a leaf is on none.
# Real: for the paths through v the smaller of the two flows from s to v and from v to t is taken, whatever they pass:
#   s - t - v - t counts for v. Where edges go both ways, as in every undirected graph that is stored as a directed one,
#   any node can be gone to and come back from. In a tree all flows are 1, so that all nodes have the same centrality:
#   the hub of a star and its leaves. Nothing is said, and who has an undirected graph is asked for a directed one.
# Why it matters: it is asked for to find where a network would break. In trees it says nothing at all, and elsewhere
#   the rim is raised towards the core: dead ends, periphery and brokers come close together, and as a feature it is
#   next to a constant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2 requests==2.34.2 fastjsonschema==2.22.3
"$folder/venv/bin/pip" install --quiet --no-deps python-easygraph==1.6.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import permutations

import easygraph as eg
import networkx as nx
import numpy as np


def measured(graph):
    same = eg.DiGraph()
    same.add_nodes(list(graph.nodes))
    same.add_edges([(u, v) for u, v in graph.edges])
    found = eg.flowbetweenness_centrality(same)
    return np.array([found[node] for node in graph])


def at_most(graph):
    """The most that the formula can give: 1 for each pair that has a path through the node, and 0 for the others."""
    total = dict.fromkeys(graph, 0)
    for s, t in permutations(graph, 2):
        passed = {node for path in nx.all_simple_paths(graph, s, t) for node in path[1:-1]}
        for node in passed:
            total[node] += 1
    return np.array([total[node] for node in graph])


trees = {
    "star of 8 leaves": nx.star_graph(8),
    "path of 8": nx.path_graph(8),
    "random tree of 12": nx.convert_node_labels_to_integers(nx.random_labeled_tree(12, seed=0)),
}
for name, tree in trees.items():
    found, right = measured(tree.to_directed()), at_most(tree.to_directed())
    assert np.allclose(right, 2 * np.array(list(nx.betweenness_centrality(tree, normalized=False).values())))
    print(f"{name}, in both directions: {sorted(set(found.tolist()))}, by the formula {sorted(set(right.tolist()))}")
    if np.allclose(found, right):
        raise SystemExit("changed: leaves have no flow")
    n = len(tree)
    assert (found == (n - 1) * (n - 2)).all(), "changed: other values"
one_way = nx.DiGraph([(0, 1), (1, 2), (2, 3), (2, 4)])
assert np.allclose(measured(one_way), at_most(one_way)), "changed: edges of one direction"
lollipop = nx.lollipop_graph(5, 3).to_directed()
found, most = measured(lollipop), at_most(lollipop)
print(f"a clique of five with a tail of three: {np.round(found, 1).tolist()}, at most {most.tolist()} by the formula")
assert most[-1] == 0 and found[-1] > 10, "changed: the end of the tail"
print("as described: what flows to a node and back is counted for it")
PYTHON
