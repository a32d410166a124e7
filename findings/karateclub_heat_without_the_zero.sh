#!/usr/bin/env bash
# karateclub 1.3.3, graph_embedding.NetLSD.
#
# Expected: the heat trace of the paper that it names (Tsitsulin et al., KDD 2018), the sum of e^(-t x) over all n
#   eigenvalues x of the normalised Laplacian, divided by n here. At large t what is left are the eigenvalues that are
#   0: the number of components, over n.
# Real: of a graph of up to 400 nodes (twice the argument `approximations`) the n - 2 largest eigenvalues are taken. The
#   0 and the one after it are missing, and the sum is divided by n - 2: the trace falls to nothing. From 401 nodes on
#   both ends are computed, and it levels off at 1 / n.
# Why it matters: the two that are missing are what e^(-t x) keeps longest, and half of the time scales look at nothing
#   else: whether a graph falls apart, or hangs together by a few edges, is not in its embedding, and that half falls to
#   1e-11 and less. Benchmarks of small graphs (molecules, proteins, ego networks) are of this kind, and data sets
#   with graphs on both sides of 400 nodes have two kinds of embeddings.
# The library is installed without its bounds on other packages here (it asks for a NumPy that has no wheel for today's
#   Python); how many eigenvalues are asked for is in its own lines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet gensim==4.4.0 python-louvain==0.16 python-Levenshtein==0.27.5 six==1.17.0
"$folder/venv/bin/pip" install --quiet pygsp==0.6.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps karateclub==1.3.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from karateclub import NetLSD

TIMES = np.logspace(-2, 2, 250)  # the defaults


def trace(graph, without=0):
    """The mean of e^(-t x) over the eigenvalues but the smallest; loops, which the class adds, are taken off again."""
    values = np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray())[without:]
    return np.exp(-np.outer(TIMES, values)).mean(axis=1)


def embedding(graph):
    model = NetLSD()
    model.fit([nx.Graph(graph)])
    return model.get_embedding()[0]


def groups(size, joined):
    """Two random graphs of degree 4, apart or with three edges between them."""
    both = [nx.random_regular_graph(4, size // 2, seed=seed) for seed in (0, 1)]
    graph = nx.convert_node_labels_to_integers(nx.disjoint_union(*both))
    graph.add_edges_from((node, size // 2 + node) for node in range(joined))
    return graph


print("the trace at t = 1, 10 and 100, and in brackets that of all eigenvalues")
for name, graph in (
    ("60 nodes", groups(60, 3)),
    ("60 nodes in two parts", groups(60, 0)),
    ("400 nodes", groups(400, 3)),
    ("402 nodes", groups(402, 3)),
):
    found, right = embedding(graph), trace(graph)
    levels = [f"{values[place]:.2e}" for place in (125, 187, 249) for values in (found, right)]
    print(f"{name}: {levels[0]} ({levels[1]}), {levels[2]} ({levels[3]}), {levels[4]} ({levels[5]})")
    if len(graph) > 400:
        assert np.allclose(found, right, rtol=0.02), "changed: the control"
    elif np.allclose(found, right, rtol=0.02):
        raise SystemExit("changed: all eigenvalues are taken")
    else:
        assert np.allclose(found, trace(graph, without=2), rtol=1e-3), "changed: which eigenvalues are missing"
    parts = nx.number_connected_components(graph)
    assert right[-1] * len(graph) > parts - 1e-6, "changed: the level"
    assert len(graph) > 400 or found[-1] < right[-1] / 5, "changed: how far it falls"
print("as described: of up to 400 nodes the two smallest eigenvalues are missing")
PYTHON
