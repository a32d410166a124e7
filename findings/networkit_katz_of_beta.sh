#!/usr/bin/env bash
# NetworKit 11.3, centrality.KatzCentrality.
#
# Expected: Katz's centrality, the solution of x = alpha A x + beta, normalised to the length 1: beta, "constant value
#   added to the centrality of each vertex", is then a scale that cancels out, as it does in NetworkX.
# Real: the iteration starts from 1 and keeps the walks of that start: what comes back is beta for the node itself, and
#   1 + beta in place of beta for every walk that arrives at it. The order of the nodes is right. With the default beta
#   of 0.1 the walks count eleven times, with 1 twice, and only for large beta is it the centrality.
# Why it matters: alpha is chosen with care, as it says how much a walk is worth, and a table or a feature then has the
#   contrast of another one. Values cannot be set beside those of another library or of the formula, and a node without
#   an edge comes out too low against all others. (Issue 955 asks why the numbers are not those of NetworkX; it was
#   closed without an answer.) A large beta, say 1e9, gives the right values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkit as nk
import networkx as nx
import numpy as np


def normalised(values):
    return values / np.linalg.norm(values)


def katz(graph, alpha):
    """The solution for beta = 1, by the edges that go in."""
    matrix = nx.to_numpy_array(graph, nodelist=range(len(graph)))
    return np.linalg.solve(np.eye(len(graph)) - alpha * matrix.T, np.ones(len(graph)))


lonely = nx.path_graph(2)
lonely.add_node(2)
weighted = nx.gnp_random_graph(30, 0.15, seed=1)
nx.set_edge_attributes(weighted, {edge: 1 + edge[1] % 3 for edge in weighted.edges}, "weight")
for name, graph, alpha in (
    ("an edge and a node", lonely, 0.1),
    ("a random graph", nx.gnp_random_graph(30, 0.15, seed=0), 0.05),
    ("a directed one", nx.gnp_random_graph(30, 0.1, seed=2, directed=True), 0.05),
    ("a weighted one", weighted, 0.02),
):
    right = katz(graph, alpha)
    peer = nx.katz_centrality(graph, alpha=alpha, beta=0.1, weight="weight", tol=1e-12, max_iter=10_000)
    assert np.allclose([peer[node] for node in range(len(graph))], normalised(right)), "changed: the control"
    made = nk.nxadapter.nx2nk(graph, weightAttr="weight" if graph is weighted else None)
    for beta in (0.1, 1.0, 1e9):
        found = np.array(nk.centrality.KatzCentrality(made, alpha, beta, 1e-14).run().scores())
        walks = right - 1  # of length 1 and more
        error = np.abs(found / normalised(right) - 1).max()
        spread = found.max() / found.min(), right.max() / right.min()
        print(f"{name}, beta {beta:g}: largest over smallest {spread[0]:.3f} ({spread[1]:.3f}), off by up to {error:.1%}")
        assert np.allclose(found, normalised(beta + (1 + beta) * walks), atol=1e-6), "changed: 1 + beta for each walk"
        if (error > 0.01) != (beta < 1e9):
            raise SystemExit("changed: beta cancels out")
print("as described: walks are weighed by 1 + beta, the node itself by beta")
PYTHON
