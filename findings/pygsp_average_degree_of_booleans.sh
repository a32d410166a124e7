#!/usr/bin/env bash
# PyGSP 0.6.1, features.compute_avg_adj_deg.
#
# Expected: "the average of the degrees of a node and its neighbors", as its docstring says: k in a graph whose nodes
#   all have k neighbours.
# Real: the sum of the degrees of the neighbours is meant to be that of a row of A A. The matrix G.A is one of booleans,
#   and so is its square: each node that two steps lead to counts once, the node itself among them, however many ways
#   there are. The own degree is not in the sum, and in the number that the sum is divided by.
# Why it matters: a ring and a complete graph of any size have 1, and a denser graph need not have more. As a feature of
#   nodes it does not tell hubs from leaves: beside a hub of a star, and at it, stand numbers that have nothing of a
#   degree. Nothing is said. (A @ d + d) / (d + 1) with G.A.astype(int) is what the words say.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet pygsp==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from pygsp import features, graphs

assert "average of the degrees of a node and" in features.compute_avg_adj_deg.__doc__, "changed: the words"
ring = graphs.Ring(12)
star = np.zeros((9, 9))
star[0, 1:] = star[1:, 0] = 1
for name, graph in (
    ("ring of 12", ring),
    ("complete graph of 12", graphs.FullConnected(12)),
    ("grid of 4 by 4", graphs.Grid2d(4)),
    ("star of 8 leaves", graphs.Graph(star)),
):
    matrix = graph.A.toarray().astype(int)
    degree = matrix.sum(axis=1)
    found = np.asarray(features.compute_avg_adj_deg(graph)).ravel()
    right = np.array([degree[np.append(np.flatnonzero(row), node)].mean() for node, row in enumerate(matrix)])
    assert np.allclose(right, (matrix @ degree + degree) / (degree + 1))
    print(f"{name}: {found[:3].round(2)}, by the words {right[:3].round(2)}")
    if np.allclose(found, right):
        raise SystemExit("changed: it is the average degree")
    reached = (matrix @ matrix > 0).sum(axis=1)
    assert np.allclose(found, reached / (degree + 1)), "changed: what comes instead"
    if len(set(degree)) == 1:
        assert np.allclose(found, 1) and np.allclose(right, degree[0]), "changed: graphs of one degree"
print("as described: nodes at two steps are counted once each, and no degree")
PYTHON
