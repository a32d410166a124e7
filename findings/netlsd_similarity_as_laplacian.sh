#!/usr/bin/env bash
# NetLSD 1.0.2, heat and wave of a dense adjacency matrix with a diagonal.
#
# Expected: the signature of the graph: an adjacency matrix is made into a Laplacian, as the docstring of
#   util.mat_to_laplacian says, and a matrix that is one already is taken as it is. A sparse matrix with the same
#   entries has it so.
# Real: a dense matrix is taken for a Laplacian if no entry is larger than the one on the diagonal of its column: the
#   diagonal is subtracted from every row, not from itself. So A + I, any kernel, correlation or cosine similarity, with
#   ones on its diagonal, is diffused by as it stands, with its own eigenvalues, negative ones included, and no warning.
# Why it matters: e^(-t x) of a negative eigenvalue grows without bound, and what should lie between 0 and 1 and fall
#   with t is 10^13. Kernels have none, and nothing shows: distances of their graphs are those of something else.
#   scipy.sparse.csr_array(matrix) gives the right signature.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet networkx==3.6.1
"$folder/venv/bin/pip" install --quiet netlsd==1.0.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import netlsd
import networkx as nx
import numpy as np
import scipy.sparse as sp

times = np.array([0.1, 1.0, 10.0])


def by_hand(adjacency):
    """The heat trace of the normalised Laplacian, for each node."""
    root = np.diag(adjacency.sum(axis=1) ** -0.5)
    values = np.linalg.eigvalsh(np.eye(len(adjacency)) - root @ adjacency @ root)
    return np.exp(-np.outer(times, values)).mean(axis=1)


club = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
points = np.random.default_rng(0).normal(size=(34, 3))
kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=2))
matrices = {
    "the club": club,
    "the club with loops": club + np.eye(34),
    "a Gaussian kernel": kernel,
    "it without its diagonal": kernel - np.eye(34),
}
for name, matrix in matrices.items():
    dense, sparse, right = netlsd.heat(matrix, times), netlsd.heat(sp.csr_array(matrix), times), by_hand(matrix)
    print(f"{name}: dense", *(f"{value:.3g}" for value in dense), "- sparse", *(f"{value:.3g}" for value in sparse))
    assert np.allclose(sparse, right, atol=1e-8), "changed: the control, sparse"
    if name in ("the club", "it without its diagonal"):
        assert np.allclose(dense, right, atol=1e-8), "changed: the control, without a diagonal"
        continue
    if not np.abs(dense - right).max() > 0.05:
        raise SystemExit("changed: dense and sparse agree")
    as_it_is = np.exp(-np.outer(times, np.linalg.eigvalsh(matrix))).mean(axis=1)
    assert np.allclose(dense, as_it_is), "changed: what is taken for the Laplacian"
with_loops = netlsd.heat(matrices["the club with loops"], times)
assert (np.diff(with_loops) > 0).all() and with_loops[-1] > 1e6, "changed: a heat trace that grows"

signatures = [netlsd.heat(form(club + np.eye(34))) for form in (np.asarray, sp.csr_array)]
print(f"distance of the club with loops, dense, to itself, sparse: {netlsd.compare(*signatures):.3g}")
assert netlsd.compare(*signatures) > 1e6, "changed: a graph is near itself"
print("as described: similarities are taken for a Laplacian")
PYTHON
