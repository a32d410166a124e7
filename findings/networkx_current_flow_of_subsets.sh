#!/usr/bin/env bash
# networkx 3.6.1, current_flow_betweenness_centrality_subset.
#
# Expected: the current through a node, from the sources to the targets, divided by (n - 1)(n - 2) if normalized, as
#   its page says, and so 0 for a node that no current passes. On a tree, where a current has the one way that the
#   shortest path has, it is what betweenness_centrality_subset gives.
# Real: 1 / (n - 2) is taken away from every node, whatever the subsets are and whether normalized or not. That is a
#   node's share of the currents that it sends and takes itself, where all nodes are sources and targets and the result
#   is normalized, and right for this call alone. Between two small groups it is more than any current amounts to:
#   every normalized value below is negative, and a leaf that no current reaches has -1 / (n - 2).
# Why it matters: bottlenecks between two groups (habitats, parts of a power grid, kinds of proteins) are what it is
#   for. Sums, shares and logarithms of such values mean nothing, and those of graphs of different sizes cannot be set
#   beside each other; with all nodes, normalized=False is not what current_flow_betweenness_centrality gives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet networkx==3.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np


def through(graph, sources, targets):
    """The current through each node, summed over pairs of which it is no end, and that of its own pairs."""
    laplacian = nx.laplacian_matrix(graph, nodelist=range(len(graph))).toarray().astype(float)
    inverse = np.linalg.pinv(laplacian)
    passing, own = np.zeros(len(graph)), np.zeros(len(graph))
    for source in sources:
        for target in targets:
            if source == target:
                continue
            potential = inverse[:, source] - inverse[:, target]
            current = -laplacian * np.abs(potential[:, None] - potential)
            np.fill_diagonal(current, 0)
            half = current.sum(axis=1) / 2
            ends = np.isin(np.arange(len(graph)), [source, target])
            passing += np.where(ends, 0, half)
            own += np.where(ends, half, 0)
    return passing, own


caterpillar = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 4), (2, 5), (4, 6)])
grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 3))
for name, graph, sources, targets in (
    ("a tree, 0 to 3", caterpillar, [0], [3]),
    ("a tree, 0 and 5 to 6", caterpillar, [0, 5], [6]),
    ("a grid, side to side", grid, [0, 1, 2], [9, 10, 11]),
    ("a grid, all to all", grid, list(grid), list(grid)),
):
    size = len(graph)
    passing, own = through(graph, sources, targets)
    for normalized, divisor in ((True, (size - 1) * (size - 2)), (False, 2)):
        scores = nx.current_flow_betweenness_centrality_subset(graph, sources, targets, normalized=normalized)
        found = np.array([scores[node] for node in range(size)])
        print(f"{name}, normalized={normalized}: {(found < -1e-9).sum()} of {size} nodes negative,", end=" ")
        print(f"smallest {found.min():.3f}; node 1 {found[1]:.3f}, by its currents {passing[1] / divisor:.3f}")
        whole = set(sources) == set(graph) and normalized
        if np.allclose(found, passing / divisor) != whole:
            raise SystemExit("changed: what is taken away from the current")
        assert np.allclose(found, (passing + own) / divisor - 1 / (size - 2)), "changed: it is not 1 / (n - 2)"
        assert (found < 0).all() == (normalized and not whole), "changed: which are negative"
    if nx.is_tree(graph):
        paths = nx.betweenness_centrality_subset(graph, sources, targets)
        assert np.allclose(passing / 2, [paths[node] for node in range(size)]), "changed: the control"
full = nx.current_flow_betweenness_centrality(grid, normalized=False)
passing, _ = through(grid, list(grid), list(grid))
assert np.allclose(passing / 2, [full[node] for node in range(len(grid))]), "changed: the control"
print("as described: every node has 1 / (n - 2) less")
PYTHON
