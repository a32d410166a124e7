#!/usr/bin/env bash
# netrd 0.3.0, distance.PolynomialDissimilarity and distance.GraphDiffusion.
#
# Expected: the norm of P(A1) - P(A2) with P(A) = A + A^2 / (n - 1) + ... + A^k / (n - 1)^(k - 1), by Donnat and Holmes
#   2018, and the largest norm of e^(-t L1) - e^(-t L2), by Hammond et al. 2013. Either is 0 between a graph and itself,
#   and neither knows how the matrices were decomposed.
# Real: the matrices are decomposed by numpy.linalg.eig and put together again as Q f(w) Q^T, as if Q were orthogonal.
#   eig looks for no orthogonal vectors where an eigenvalue is repeated, and what comes out is another matrix. Graphs
#   one edge apart are up to thirty times as far apart. Graphs whose eigenvalues all differ are right. Nothing is said.
# Why it matters: twin nodes, leaves of one hub and every symmetry repeat an eigenvalue: grids, rings, trees, cliques,
#   molecules and most small graphs. Their distances are those of the decomposition, change with the order of the nodes
#   and the build of LAPACK, and say that a graph and one edge less are far apart. numpy.linalg.eigh is right.
# The library is installed without its bounds on other packages here, which ask for a Sphinx of 2019.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet ortools==9.14.6206
"$folder/venv/bin/pip" install --quiet --no-deps netrd==0.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from netrd.distance import GraphDiffusion, PolynomialDissimilarity


def polynomial(one, two, decompose):
    n = len(one)
    parts = []
    for graph in (one, two):
        w, q = decompose(nx.to_numpy_array(graph, weight=None))
        parts.append(q @ np.diag(sum(w**k / (n - 1) ** (k - 1) for k in range(1, 6))) @ q.T)
    return np.linalg.norm(parts[0] - parts[1]) / n**2


def powers(one, two):
    """The same by powers of the matrices."""
    n = len(one)
    first, second = (nx.to_numpy_array(graph, weight=None) for graph in (one, two))
    power = np.linalg.matrix_power
    return np.linalg.norm(sum((power(first, k) - power(second, k)) / (n - 1) ** (k - 1) for k in range(1, 6))) / n**2


def diffusion(one, two, decompose):
    """The largest distance of the kernels up to t = 1 / (smallest eigenvalue that is not 0), in a thousand steps."""
    pairs = [decompose(nx.laplacian_matrix(graph, weight=None).toarray().astype(float)) for graph in (one, two)]
    smallest = min(value for w, _ in pairs for value in w.real if value > 1e-8)
    found = 0.0
    for t in np.linspace(0, 1 / smallest, 1000):
        kernels = [q @ np.diag(np.exp(-t * w)) @ q.T for w, q in pairs]
        found = max(found, np.linalg.norm(kernels[0] - kernels[1]))
    return found


def less(graph):
    """The graph without its first edge."""
    rest = graph.copy()
    rest.remove_edge(*next(iter(graph.edges)))
    return rest


def turned(graph, seed):
    """The graph with its nodes in another order."""
    order = np.random.default_rng(seed).permutation(len(graph))
    return nx.from_numpy_array(nx.to_numpy_array(graph, weight=None)[np.ix_(order, order)])


cases = {
    "complete graph": nx.complete_graph(10),
    "grid with both sides joined": nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 4, periodic=True)),
    "hypercube": nx.convert_node_labels_to_integers(nx.hypercube_graph(4)),
    "random graph": nx.gnp_random_graph(16, 0.4, seed=1),
}
for name, graph in cases.items():
    spread = np.diff(np.linalg.eigvalsh(nx.to_numpy_array(graph, weight=None))).min()
    other = less(graph)
    found, right = PolynomialDissimilarity().dist(graph, other), powers(graph, other)
    assert np.isclose(polynomial(graph, other, np.linalg.eigh), right), "changed: eigh"
    assert np.isclose(found, polynomial(graph, other, np.linalg.eig)), "changed: eig"
    heat, heat_right = GraphDiffusion().dist(graph, other), diffusion(graph, other, np.linalg.eigh)
    values = [PolynomialDissimilarity().dist(turned(graph, seed), turned(other, seed)) for seed in range(5)]
    print(f"{name} and one edge less: polynomial {found:.5f}, by powers {right:.5f},", end=" ")
    print(f"in other orders of the nodes {min(values):.5f} to {max(values):.5f};", end=" ")
    print(f"diffusion {heat:.3f}, by definition {heat_right:.3f}")
    if name == "random graph":
        assert spread > 1e-3 and np.isclose(found, right) and np.isclose(heat, heat_right), "changed: the control"
        continue
    assert spread < 1e-9
    if np.isclose(found, right) and np.isclose(heat, heat_right):
        raise SystemExit("changed: repeated eigenvalues are right")
    assert abs(found - right) > 0.1 * right or abs(heat - heat_right) > 0.01 * heat_right, "changed: by how much"
    assert max(values) - min(values) > 1e-3 * right, "changed: the order of the nodes"
print("as described: where eigenvalues are repeated the matrices are other ones")
PYTHON
