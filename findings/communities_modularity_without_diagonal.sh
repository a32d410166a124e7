#!/usr/bin/env bash
# communities 3.0.0, utilities.modularity, and the "Q" of the frames that louvain_method returns.
#
# Expected: the modularity of its page, the sum over all pairs of nodes of one community, a node with itself among them,
#   of A_ij - k_i k_j / 2m, divided by 2m. Of one community with all nodes it is 0, and it lies between -1/2 and 1.
# Real: each pair is counted once and not twice, and a node with itself not at all: half of the modularity, plus half of
#   the sum of the squares of the degrees divided by (2m)^2. Of one community with all nodes it is above 0, of graphs with
#   a hub by far. Of communities of one node each, which are below 0, it is 0.
# Why it matters: which of two partitions of a graph is better stays, the values do not: none can be compared with those
#   of other libraries or of papers, nor between graphs, and a graph in one piece seems to have communities.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.1 networkx==3.4.2 matplotlib==3.9.4
"$folder/venv/bin/pip" install --quiet communities==3.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from communities.algorithms import louvain_method
from communities.utilities import modularity, modularity_matrix


def formula(A, parts):
    """The sum over i and j, without any library."""
    k, total = A.sum(axis=1), A.sum()
    place = {node: number for number, part in enumerate(parts) for node in part}
    same = [(i, j) for i in place for j in place if place[i] == place[j]]
    return sum(A[i, j] - k[i] * k[j] / total for i, j in same) / total


club = nx.karate_club_graph()
sides = [{node for node in club if club.nodes[node]["club"] == side} for side in ("Mr. Hi", "Officer")]
caveman = nx.connected_caveman_graph(4, 6)
star = nx.star_graph(40)
for name, graph, parts in (
    ("karate club, its two sides", club, sides),
    ("karate club, all in one", club, [{*club}]),
    ("karate club, each alone", club, [{node} for node in club]),
    ("four caves", caveman, [{*range(6 * cave, 6 * cave + 6)} for cave in range(4)]),
    ("a star, all in one", star, [{*star}]),
):
    A = nx.to_numpy_array(graph, weight=None)
    found, right = modularity(modularity_matrix(A), parts), nx.community.modularity(graph, parts, weight=None)
    print(f"{name}: {found:.4f}, right is {right:.4f}")
    assert np.isclose(right, formula(A, parts)), "the oracle: NetworkX and the formula"
    if np.isclose(found, right):
        raise SystemExit("changed: the modularity is right")
    degrees = A.sum(axis=1)
    assert np.isclose(found, right / 2 + (degrees**2).sum() / (2 * degrees.sum() ** 2)), "changed: what comes instead"

A = nx.to_numpy_array(club, weight=None)
parts, frames = louvain_method(A)
labels = frames[-1]["C"]
last = [{node for node, label in enumerate(labels) if label == part} for part in {*labels}]
right = nx.community.modularity(club, last, weight=None)
print(f"louvain_method, the Q of its last frame: {frames[-1]['Q']:.4f}, right is {right:.4f}")
assert frames[-1]["Q"] < right - 0.1, "changed: the frames"
print("as described: pairs count once, the diagonal not at all")
PYTHON
