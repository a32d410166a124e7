#!/usr/bin/env bash
# csrgraph 0.1.28, csrgraph.grarep, which is what GraRep of nodevectors calls.
#
# Expected: "embeddings of powers of the PMI matrix", one for each order from 1 on, as its page says: in the paper that
#   it names (Cao, Lu and Xu, CIKM 2015) the k-th matrix has log(p / c) - log(1 / n) where that is positive, of the
#   chance p of going from i to j in k steps and of its sum c over the column.
# Real: the logarithm is computed, compared with 0 and thrown away, and since that of a chance over n is never positive,
#   nothing is left out either. The matrix is multiplied by the walk before it is embedded, not after: what is returned
#   for the order k are singular vectors of the walk's power k + 1, which has no edge of the graph in it for k = 1.
# Why it matters: the logarithm and the division by the column are what keeps hubs from being all there is. In a
#   bipartite graph, of users and items say, the first embedding is of two graphs that nothing joins. Results of "GraRep"
#   in comparisons are those of another method, one order off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet numba==0.68.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps csrgraph==0.1.28
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import csrgraph
import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

ORDER, SIZE = 3, 4


def embedder():
    return TruncatedSVD(n_components=SIZE, n_iter=20, random_state=0)


def embeddings(matrix):
    graph = csrgraph.csrgraph(csr_matrix(matrix), threads=1)
    return graph.grarep(n_components=SIZE, order=ORDER, embedder=embedder(), verbose=False)


def gram(embedding):
    return embedding @ embedding.T  # without the signs of singular vectors


def paper(power):
    ratio = power * len(power) / power.sum(axis=0)
    return np.log(np.maximum(ratio, 1))


for name, graph in {"karate club": nx.karate_club_graph(), "davis": nx.davis_southern_women_graph()}.items():
    matrix = nx.to_numpy_array(graph, weight=None)
    walk = matrix / matrix.sum(axis=1, keepdims=True)
    for k, found in enumerate(embeddings(matrix), 1):
        powers = [np.linalg.matrix_power(walk, step) for step in (k, k + 1)]
        candidates = {"paper": paper(powers[0]), "paper, k + 1": paper(powers[1]), "power k": powers[0], "power k + 1": powers[1]}
        off = {}
        for candidate, values in candidates.items():
            right = gram(embedder().fit_transform(csr_matrix(values)))
            off[candidate] = np.abs(gram(found) - right).max() / np.abs(right).max()
        print(f"{name}, order {k}: off by", ", ".join(f"{value:.1g} ({candidate})" for candidate, value in off.items()))
        if off["paper"] < 1e-3:
            raise SystemExit("changed: the matrix of the paper")
        assert off["power k + 1"] < 1e-4 and min(off[other] for other in list(off)[:3]) > 0.01, "changed: the matrix"
        if name == "davis" and k == 1:
            women = np.array([data["bipartite"] == 0 for _, data in graph.nodes(data=True)])
            across = gram(found)[women][:, ~women]
            print(f"  the largest product of a woman and an event, joined or not: {np.abs(across).max():.0e}")
            assert np.abs(across).max() < 1e-4, "changed: the two sides"
print("as described: no logarithm, and one step too far")
PYTHON
