#!/usr/bin/env bash
# NetworKit 11.3, linkprediction.KatzIndex.
#
# Expected: the sum over l, up to a given length, of the damping to the power of l times the number of paths of length l
#   between the two nodes, as its page says; in Katz's index these may visit a node twice, and the number is an entry of
#   the l-th power of the adjacency matrix (Liben-Nowell and Kleinberg, JASIST 2007).
# Real: what is counted is from how many neighbours of the one node the other can be reached in l - 1 steps, each of
#   these neighbours once, however many ways lead to it. It is the number of walks up to l = 2, and neither that of walks
#   nor that of paths without repetition from 3 on: between two nodes of a complete graph of four there are 7 walks and
#   2 paths of three steps, and 3 are counted. It also matters from which end: that is the one with fewer neighbours, or
#   the one that the last call began at, so that the score of a pair depends on the pair that was asked for before.
# Why it matters: longer walks are what sets this index apart from the common neighbours, and the denser a graph is, the
#   more of them are not counted: below a third of the index and more. Figures of "Katz" in a comparison of link
#   predictors are those of another index, and at small damping nothing shows. Powers of the matrix are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import combinations

import networkit as nk
import networkx as nx
import numpy as np


def walks(graph, u, v, length):
    matrix = nx.to_numpy_array(graph, nodelist=range(len(graph)))
    return round(np.linalg.matrix_power(matrix, length)[u, v])


def paths(graph, u, v, length):
    return sum(len(path) == length + 1 for path in nx.all_simple_paths(graph, u, v, cutoff=length))


def reached(graph, u, v, length):
    """How many neighbours of the one end a walk of length - 1 from the other, of fewer neighbours, can end at."""
    u, v = (v, u) if graph.degree(u) > graph.degree(v) else (u, v)
    found = {u}
    for _ in range(length - 1):
        found = {after for node in found for after in graph[node]}
    return len(found & set(graph[v]))


for name, graph in (
    ("complete graph of four", nx.complete_graph(4)),
    ("path of five", nx.path_graph(5)),
    ("random graph", nx.gnp_random_graph(14, 0.35, seed=1)),
):
    made = nk.nxadapter.nx2nk(graph)
    for length in range(1, 5):
        totals = np.zeros(4, dtype=int)
        for u, v in combinations(graph, 2):
            up_to = [nk.linkprediction.KatzIndex(made, most, 1.0).run(u, v) for most in (length, length - 1) if most]
            counted = round(up_to[0] - sum(up_to[1:]))  # with no damping, those of this length
            row = counted, *(count(graph, u, v, length) for count in (walks, paths, reached))
            assert row[0] == row[3], "changed: what is counted"
            totals += row
        print(f"{name}, length {length}, over all pairs: {totals[0]} counted, {totals[1]} walks, {totals[2]} paths")
        if (totals[0] == totals[1]) != (length <= 2):
            raise SystemExit("changed: the number of walks")
        assert length <= 2 or totals[0] != totals[2], "changed: the number of paths"

made = nk.nxadapter.nx2nk(nx.path_graph(5))
alone = nk.linkprediction.KatzIndex(made, 3, 1.0).run(3, 4)
index = nk.linkprediction.KatzIndex(made, 3, 1.0)
index.run(3, 2)
behind = index.run(3, 4)
print(f"the pair 3-4 of the path has {alone:g}, and {behind:g} when 3-2 was asked for before")
assert (alone, behind) == (3, 2), "changed: the call before"

graph = nx.barabasi_albert_graph(200, 8, seed=0)
made, damping = nk.nxadapter.nx2nk(graph), 0.02
matrix = nx.to_numpy_array(graph, nodelist=range(200))
right = sum(damping**length * np.linalg.matrix_power(matrix, length) for length in range(1, 6))
index = nk.linkprediction.KatzIndex(made, 5, damping)
pairs = [pair for pair in combinations(range(200), 2) if not graph.has_edge(*pair)]
shares = np.array([index.run(u, v) / right[u, v] for u, v in pairs])
print(f"200 nodes, damping {damping}, up to 5 steps: the score is {shares.mean():.0%} of the index in the mean,", end=" ")
print(f"{shares.min():.0%} to {shares.max():.0%}")
assert shares.max() < 1 and shares.mean() < 0.67, "changed: by how much"
print("as described: neighbours are counted, not walks, and from either end")
PYTHON
