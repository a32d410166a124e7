#!/usr/bin/env bash
# gudhi 3.13.0, representations.TopologicalVector.
#
# Expected: the vector of Carrière, Oudot and Ovsjanikov (2015), whom its page names: of each two points of a diagram the
#   smallest of their distance and of the distances of both to the diagonal, in descending order. A diagram is a set:
#   the order of its points is no matter.
# Real: the distance of one of the two to the diagonal is left out, as the transpose of a vector is the vector. Of two
#   points it is the later one in the array that counts. A point next to the diagonal, which is noise, adds nothing if it
#   stands last, and the whole distance to a point far away if it stands first.
# Why it matters: persistent diagrams come in no fixed order, and that of a library changes with the numbers of the nodes.
#   Two copies of one graph have different vectors, and the stability that the vector was made for is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet gudhi==3.13.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import combinations

import networkx as nx
import numpy as np
from gudhi import SimplexTree
from gudhi.representations import TopologicalVector


def right(diagram, size):
    values = [
        min(max(abs(p[0] - q[0]), abs(p[1] - q[1])), (p[1] - p[0]) / 2, (q[1] - q[0]) / 2)
        for p, q in combinations(diagram, 2)
    ]
    return np.array((sorted(values, reverse=True) + [0] * size)[:size])


def by_the_later(diagram, size):
    values = [min(max(abs(p[0] - q[0]), abs(p[1] - q[1])), (q[1] - q[0]) / 2) for p, q in combinations(diagram, 2)]
    return np.array((sorted(values, reverse=True) + [0] * size)[:size])


def cycles(graph, lengths):
    """Bars of the cycles, each filled in at the end, of a graph whose edges come by length."""
    tree = SimplexTree()
    for u, v in graph.edges:
        tree.insert([u, v], lengths[frozenset((u, v))])
    for clique in nx.enumerate_all_cliques(graph):
        if len(clique) == 3:
            tree.insert(clique, max(lengths[frozenset(pair)] for pair in combinations(clique, 2)))
    tree.compute_persistence(persistence_dim_max=True)
    return np.array([bar for bar in tree.persistence_intervals_in_dimension(1) if np.isfinite(bar).all()])


vector = TopologicalVector(threshold=3)
noise, bars = [0.0, 0.1], [[1.0, 9.0], [4.0, 9.0]]
for name, diagram in (("last", [*bars, noise]), ("first", [noise, *bars])):
    found = vector(np.array(diagram))
    print(f"two long bars and a short one that stands {name}: {found}, right is {right(diagram, 3)}")
    assert np.allclose(found, by_the_later(diagram, 3)), "changed: what counts"
    if np.allclose(found, right(diagram, 3)) != (name == "last"):
        raise SystemExit("changed: the order of the points is no matter")

rng = np.random.default_rng(0)
wrong = spread = 0
for seed in range(20):
    graph = nx.gnp_random_graph(25, 0.35, seed=seed)
    lengths = {frozenset(edge): float(rng.random()) for edge in graph.edges}
    diagram = cycles(graph, lengths)
    names = dict(zip(graph, rng.permutation(25).tolist()))
    copy = nx.relabel_nodes(graph, names)
    again = cycles(copy, {frozenset(names[node] for node in pair): value for pair, value in lengths.items()})
    assert np.allclose(diagram[np.lexsort(diagram.T)], again[np.lexsort(again.T)]), "one set of bars"
    vectors = [TopologicalVector(threshold=10)(bars) for bars in (diagram, again, again[rng.permutation(len(again))])]
    wrong += not np.allclose(vectors[0], right(diagram, 10))
    spread += not np.allclose(vectors[0], vectors[2])
    assert all(np.all(found >= right(diagram, 10) - 1e-12) for found in vectors), "changed: never too small"
    straight = diagram[np.argsort(diagram[:, 0] - diagram[:, 1])]
    assert np.allclose(TopologicalVector(threshold=10)(straight), right(diagram, 10)), "changed: longest first, the control"
print(f"cycles of 20 random graphs: {wrong} vectors are wrong, {spread} of them change with the order of the points")
assert wrong > 10 and spread > 10, "changed: how many"
print("as described: the distance to the diagonal of one of the two points is left out")
PYTHON
