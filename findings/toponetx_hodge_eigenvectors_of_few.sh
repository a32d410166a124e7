#!/usr/bin/env bash
# TopoNetX 0.2.0, algorithms.spectrum.hodge_laplacian_eigenvectors and set_hodge_laplacian_eigenvector_attrs.
#
# Expected: the first n_components eigenvalues and eigenvectors of the matrix that is given, as the docstring says,
#   and those vectors as attributes of the simplices.
# Real: a matrix of up to ten rows is solved for L v = x v and gives all its vectors, one of eleven for L v = x D v with
#   its diagonal D, another spectrum. The vectors are kept by their eigenvalue, so that those of a repeated one are one
#   vector, as often as it is repeated. As attributes the rows are stored, not the columns: no eigenvector at all.
# Why it matters: harmonic vectors span the holes, and a complex with three components or loops has three with the
#   eigenvalue 0: here the same one thrice. Features of small and large complexes of one data set are of two kinds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet toponetx==0.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import toponetx as tnx
from toponetx.algorithms.spectrum import hodge_laplacian_eigenvectors, set_hodge_laplacian_eigenvector_attrs


def path(n):
    return tnx.SimplicialComplex([(i, i + 1) for i in range(n - 1)])


found = {}
for n in (10, 11):
    values, vectors = hodge_laplacian_eigenvectors(path(n).hodge_laplacian_matrix(0), 3)
    k = np.arange(3)
    plain, scaled = 2 - 2 * np.cos(np.pi * k / n), 1 - np.cos(np.pi * k / (n - 1))  # of L, and of L v = x D v
    print(f"path of {n} nodes, n_components=3: {vectors.shape[1]} vectors, {values[:3].round(4) + 0.0},", end=" ")
    print(f"of L are {plain.round(4)}, of D^-1 L {scaled.round(4)}")
    found[n] = [np.abs(values[:3] - right).max() < 1e-4 for right in (plain, scaled)], vectors.shape[1]
assert found[10] == ([True, False], 10), "changed: ten rows"
if found[11] != ([False, True], 3):
    raise SystemExit("changed: eleven rows are solved as ten are")

apart = tnx.SimplicialComplex([(0, 1), (2, 3), (4, 5)])
laplacian = apart.hodge_laplacian_matrix(0).toarray()
values, vectors = hodge_laplacian_eigenvectors(apart.hodge_laplacian_matrix(0), 6)
assert np.abs(values - np.linalg.eigvalsh(laplacian)).max() < 1e-5, "changed: the values"
assert np.abs(laplacian @ vectors - vectors * values).max() < 1e-5, "changed: they are eigenvectors"
harmonic = vectors[:, values < 1e-5]
ranks = tuple(np.linalg.matrix_rank(part, tol=1e-4) for part in (harmonic, vectors))
print(f"three components, eigenvalues {values + 0.0}: vectors of 0 span {ranks[0]} dimension, all six {ranks[1]}")
assert harmonic.shape[1] == 3 and ranks == (1, 2), "changed: repeated eigenvalues"

short = path(4)
set_hodge_laplacian_eigenvector_attrs(short, 0, 4, normalized=False)
laplacian = short.hodge_laplacian_matrix(0).toarray()
values, vectors = hodge_laplacian_eigenvectors(short.hodge_laplacian_matrix(0), 4)
for i in range(4):
    stored = np.array(list(short.get_simplex_attributes(f"{i}.th_eigen").values()))
    lie = [np.abs(laplacian @ v - (v @ laplacian @ v) / (v @ v) * v).max() for v in (vectors[:, i], stored)]
    print(f"path of 4 nodes, vector {i}: misses L v = x v by {lie[0]:.2f}, the stored attribute by {lie[1]:.2f}")
    assert lie[0] < 1e-5 and lie[1] > 0.1 and np.allclose(stored, vectors[i]), "changed: the attributes"
print("as described: eleven rows are another problem, and repeated values have one vector")
PYTHON
