#!/usr/bin/env bash
# XGI 0.10.2, communities.spectral_clustering.
#
# Expected: k clusters, by k-means on the eigenvectors of the k smallest eigenvalues, as its page says.
# Real: the mean of a cluster is taken over all coordinates at once, as one number, which is set in all k places: from
#   the second step on all centres lie on one line, and clusters run empty. The mean of none is NaN, and argmin takes
#   NaN for the smallest distance: in the next step every node is in the empty cluster, and there it ends. What comes
#   back has one label.
# Why it matters: of eight dense groups on a ring, joined by one edge each, a third of the runs return one cluster, and
#   k-means from the same starts never does. Two groups come out right as a rule, as the first eigenvector is much the
#   same in both; the more there are, the worse. Laplacian and eigenvectors are right: eigsh of
#   xgi.normalized_hypergraph_laplacian with any other k-means will do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet xgi==0.10.2 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import combinations

import numpy as np
import xgi
from scipy.sparse.linalg import eigsh
from sklearn.metrics import adjusted_rand_score


def groups(k):
    """k groups of eight nodes on a ring, most of their triples being edges, with one edge from each to the next."""
    triples = list(combinations(range(8), 3))
    random = np.random.default_rng(0)
    chosen = [(group, triples[place]) for group in range(k) for place in random.permutation(len(triples))[:40]]
    edges = [tuple(8 * group + node for node in three) for group, three in chosen]
    edges += [(8 * group, 8 * ((group + 1) % k)) for group in range(k if k > 2 else 1)]
    graph = xgi.Hypergraph()
    graph.add_nodes_from(range(8 * k))
    graph.add_edges_from(edges)
    return graph


def means(points, labels):
    return np.array([points[labels == label].mean(axis=0) for label in np.unique(labels)])


def k_means(points, k, seed):
    """Lloyd's steps from the start that the library takes, k of the points."""
    centres = np.random.default_rng(seed).choice(points, size=k, replace=False)
    labels = None
    while True:
        nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
        if labels is not None and (nearest == labels).all():
            return labels
        labels, centres = nearest, means(points, nearest)


for k in (2, 4, 8):
    graph, truth = groups(k), np.repeat(np.arange(k), 8)
    scores, sizes = [], []
    for seed in range(30):
        start = np.random.default_rng(seed).random(8 * k)
        points = eigsh(xgi.normalized_hypergraph_laplacian(graph), k=k, which="SA", v0=start)[1]
        clusters = xgi.spectral_clustering(graph, k=k, max_iter=100, seed=seed)
        found, right = [clusters[node] for node in range(8 * k)], k_means(points, k, seed)
        scores.append([adjusted_rand_score(truth, labels) for labels in (found, right)])
        sizes.append([len(np.unique(labels)) for labels in (found, right)])
    one, one_right = (np.array(sizes) == 1).sum(axis=0)
    found, right = np.mean(scores, axis=0)
    print(f"{k} groups, 30 runs: {one} return one cluster (k-means from the same starts: {one_right});", end=" ")
    print(f"adjusted Rand index {found:.2f} ({right:.2f})")
    if k > 2 and one == 0:
        raise SystemExit("changed: there are k clusters")
    assert one_right == 0 and all(size[0] in (1, k) for size in sizes), "changed: how many clusters there are"
assert one > 5 and found < right - 0.1, "changed: eight groups"
print("as described: where a cluster runs empty, all nodes are in it")
PYTHON
