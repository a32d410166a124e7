#!/usr/bin/env bash
# XGI 0.10.2, normalized_hypergraph_laplacian(weighted=True).
#
# Expected: the Laplacian of the paper that it names (Zhou, Huang and Schoelkopf 2006), where the degree of a node is
#   the sum of the weights of its hyperedges: positive semidefinite, with sqrt(degree) in its kernel, and the same for
#   all weights doubled.
# Real: the weights are in the product and not in the degrees, which count hyperedges. Weights of 3 on every hyperedge
#   give I - 3 (I - L), with the eigenvalue -2; sqrt(degree) is not in the kernel for either degree.
# Why it matters: eigenvectors of the smallest eigenvalues, which cluster and embed, are those of another matrix, a
#   diffusion by it grows without bound, and a square root of it is NaN. (Its unweighted form was mended in 2025.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet xgi==0.10.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import xgi

EDGES = ((0, 1, 2), (2, 3), (0, 3))


def by_paper(weights):
    """The Laplacian and the degrees of the paper."""
    incidence = np.array([[float(node in edge) for edge in EDGES] for node in range(4)])
    degree = incidence @ weights
    scaled = incidence / np.sqrt(degree)[:, None]
    return np.eye(4) - scaled @ np.diag(weights / incidence.sum(axis=0)) @ scaled.T, degree


smallest = []
for weights in ((1.0, 1.0, 1.0), (3.0, 3.0, 3.0), (5.0, 1.0, 1.0)):
    graph = xgi.Hypergraph()
    for edge, weight in zip(EDGES, weights):
        graph.add_edge(edge, weight=weight)
    right, degree = by_paper(np.array(weights))
    dense, sparse = (xgi.normalized_hypergraph_laplacian(graph, weighted=True, sparse=how) for how in (False, True))
    assert np.allclose(dense, sparse.toarray()), "changed: sparse and dense"
    values = np.linalg.eigvalsh(dense)
    print(f"weights {weights}: eigenvalues {values.round(3) + 0.0}, by the paper", end=" ")
    print(f"{np.linalg.eigvalsh(right).round(3) + 0.0}; L sqrt(degree) is {np.abs(dense @ degree**0.5).max():.3f}")
    assert np.linalg.eigvalsh(right)[0] > -1e-12 and np.allclose(right @ degree**0.5, 0)
    smallest.append(values[0])
    if max(weights) == 1:
        assert np.allclose(dense, right), "changed: the control"
    elif np.allclose(dense, right):
        raise SystemExit("changed: the degrees are weighted")
    if weights == (3.0, 3.0, 3.0):
        assert np.allclose(dense, np.eye(4) - 3 * (np.eye(4) - right)), "changed: which matrix"
        assert np.isclose(values[0], -2), "changed: its smallest eigenvalue"
assert smallest[2] < -1, "changed: one heavy hyperedge"
print("as described: the weighted Laplacian has negative eigenvalues")
PYTHON
