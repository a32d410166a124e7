#!/usr/bin/env bash
# karateclub 1.3.3, graph_embedding.GeoScattering.
#
# Expected: the scattering of the paper that it names (Gao, Wolf and Hirn, ICML 2019): differences of powers of the lazy
#   random walk, P^(2^j) - P^(2^(j+1)), so that the j-th wavelet sees 2^(j+1) steps far.
# Real: the powers are those of SciPy's sparse power(), which raises each entry by itself. No wavelet sees further than
#   the nearest neighbours, and most entries of the later ones are next to 0.
# Why it matters: what the graph is like two steps away or more is not in the wavelets, the only part of the embedding
#   that could tell of it beside the eccentricities; three quarters of the features are other numbers, by far. "Multi-
#   scale" features of one scale stand beside others in comparisons of graph embeddings.
# The library is installed without its bounds on other packages here (it asks for a NumPy that has no wheel for today's
#   Python); power() of a sparse matrix has always been by entry.
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
from karateclub import GeoScattering

ORDER, MOMENTS = 4, 4  # the defaults


def scattering(graph, power):
    """The features that the class gathers, in its order, from wavelets by the given power; it adds loops to a graph."""
    graph = nx.Graph(graph)
    graph.add_edges_from((node, node) for node in graph)
    nodes = range(len(graph))
    degree = np.array([graph.degree(node) for node in nodes])
    walk = (np.eye(len(graph)) + nx.to_numpy_array(graph, nodelist=nodes) / degree[:, None]) / 2
    wavelets = [power(walk, 2**j) - power(walk, 2 ** (j + 1)) for j in range(ORDER + 1)]
    signals = [np.log(degree + 1)]
    signals += [np.array([values[node] for node in nodes]) for values in (nx.eccentricity(graph), nx.clustering(graph))]
    moments = range(1, MOMENTS)
    features = [(x**q).sum() for x in signals for q in range(1, ORDER + 1)]
    features += [(abs(psi @ x) ** q).sum() for x in signals for psi in wavelets for q in moments]
    for x in signals:
        for i in range(ORDER - 1):
            for j in range(i + 1, ORDER):
                features += [(abs(wavelets[j] @ abs(wavelets[i] @ x)) ** q).sum() for q in moments]
    return np.array(features), wavelets


def embedding(graph):
    model = GeoScattering()
    model.fit([nx.Graph(graph)])
    return np.asarray(model.get_embedding())[0]


graphs = {
    "path of 12": nx.path_graph(12),
    "karate club": nx.Graph(nx.karate_club_graph().edges),
    "lollipop": nx.lollipop_graph(6, 8),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 6)),
}
for name, graph in graphs.items():
    found = embedding(graph)
    by_entry, narrow = scattering(graph, lambda matrix, exponent: matrix**exponent)
    right, wide = scattering(graph, np.linalg.matrix_power)
    assert found.shape == right.shape, "changed: how many features"
    off = [np.abs(found - other).max() / np.abs(found).max() for other in (right, by_entry)]
    share = np.mean(np.abs(found / np.where(right == 0, 1, right) - 1)[right != 0] > 0.5)
    print(f"{name}: {share:.0%} of the features are off by more than a half; by entry they differ by {off[1]:.0e}")
    if off[0] < 1e-6:
        raise SystemExit("changed: powers of the walk")
    assert off[1] < 1e-6 and share > 0.3, "changed: it is not by entry"

distance = nx.floyd_warshall_numpy(graphs["path of 12"])
for j in range(ORDER + 1):
    reach = [int(distance[psi[j] != 0].max()) for psi in (scattering(graphs["path of 12"], power)[1] for power in (
        lambda matrix, exponent: matrix**exponent, np.linalg.matrix_power
    ))]
    print(f"wavelet {j} on the path sees {reach[0]} step far, by the paper {reach[1]}")
    assert reach == [1, min(2 ** (j + 1), 11)], "changed: how far a wavelet sees"
print("as described: every entry of the walk is raised by itself")
PYTHON
