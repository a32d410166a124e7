#!/usr/bin/env bash
# scikit-network 0.33.5, ranking.Closeness(method="approximate").
#
# Expected: "closeness centrality of each node", with an error of the size of tol: as in Eppstein and Wang (2001), whom
#   it names, the distances of each node to a sample of sources stand for those to all nodes.
# Real: what comes back are the exact values of the sampled sources, in the order in which they were drawn. Up to some
#   650 nodes (at the default tol) every node is a source, and the scores are those of method="exact" in a random
#   order, another one each time; above, they are fewer than the nodes, and nothing says whose they are.
# Why it matters: scores[node] is the closeness of some other node, no error and no odd value shows it, and the mean,
#   the histogram and the largest value are right. As a feature or a ranking it is noise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet scikit-network==0.33.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from sknetwork.path import get_distances
from sknetwork.ranking import Closeness

words = " ".join(Closeness.__doc__.split())
assert "Closeness centrality of each node" in words and "Eppstein" in words, "changed: the words"
for size in (30, 300, 1000):
    graph = nx.barabasi_albert_graph(size, 2, seed=1)
    adjacency = csr_matrix(nx.to_numpy_array(graph, nodelist=range(size)))
    exact = nx.closeness_centrality(graph)
    right = np.array([exact[node] for node in range(size)])
    assert np.allclose(Closeness().fit_predict(adjacency), right), "changed: the control"
    np.random.seed(0)
    once, again = (Closeness(method="approximate").fit_predict(adjacency) for _ in range(2))
    np.random.seed(0)
    drawn = np.random.choice(np.arange(size), len(once), replace=False)
    # the estimate of the paper, from the same sources
    means = np.mean([get_distances(adjacency, source=source) for source in drawn], axis=0)
    estimate = (size - 1) / size / means
    print(f"{size} nodes, {len(once)} scores:", end=" ")
    print(f"correlation with the exact ones {np.corrcoef(once, right[: len(once)])[0, 1]:+.2f}", end=", ")
    print(f"with those of a second call {np.corrcoef(once, again)[0, 1]:+.2f};", end=" ")
    print(f"the estimate of the paper is off by {np.abs(estimate - right).max():.3f} at most")
    assert np.abs(estimate - right).max() < 0.01, "changed: the estimate"
    if len(once) == size and np.abs(once - right).max() < 0.1:
        raise SystemExit("changed: a score belongs to its node")
    assert np.allclose(once, right[drawn]), "changed: the scores are not those of the sources as drawn"
    assert (len(once) == size) == (size < 600), "changed: how many scores"
    if size < 600:
        assert np.allclose(np.sort(once), np.sort(right)), "changed: they are not the exact ones in another order"
print("as described: the scores are in the order of a sample, not of the nodes")
PYTHON
