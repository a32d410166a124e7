#!/usr/bin/env bash
# persim 0.4.1, sliced_wasserstein of diagrams with values below 0.
#
# Expected: the distance of Carrière, Cuturi and Oudot (2017), whom its page names: the points of each diagram and, of
#   the other one, their projections on the diagonal, sorted along each of M directions. (b, d) is projected to ((b + d)
#   / 2, (b + d) / 2), and the distance does not change when both diagrams are moved along the diagonal.
# Real: (b + d) / 2 is computed as the root of its square: of a bar whose middle is below 0 the projection is at the
#   opposite place of the diagonal. The distance grows with the distance from 0. wasserstein, bottleneck and heat of the
#   same library do not change.
# Why it matters: filtrations by minus the degree, from the hubs down, by a logarithm, a curvature or an eigenvector are
#   below 0. Of graphs the distance then says where the values are, not how they differ, and nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet joblib==1.6.0 Deprecated==1.3.1 persim==0.4.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from persim import bottleneck, heat, sliced_wasserstein, wasserstein


def right(first, second, directions=50):
    def projected(diagram):
        return diagram.mean(axis=1, keepdims=True).repeat(2, axis=1)

    total = 0
    for angle in np.pi * (0.5 + np.arange(directions) / directions):
        line = np.array([np.cos(angle), np.sin(angle)])
        sides = np.r_[first, projected(second)] @ line, np.r_[second, projected(first)] @ line
        total += np.abs(np.sort(sides[0]) - np.sort(sides[1])).sum()
    return total / directions


def components(graph, values):
    """Bars of the components of a graph whose nodes come in order of their values: the younger of two ends."""
    born, bars = {}, []
    trees = nx.utils.UnionFind()
    for node in sorted(graph, key=lambda node: (values[node], node)):
        born[trees[node]] = values[node]
        for neighbor in graph[node]:
            if neighbor in born and trees[neighbor] != trees[node]:
                old, young = sorted((trees[node], trees[neighbor]), key=lambda root: born[root])
                bars.append((born[young], values[node]))
                first = born[old]
                trees.union(old, young)
                born[trees[node]] = first
    return np.array([bar for bar in bars if bar[0] < bar[1]], dtype=float)


numbers = np.random.default_rng(0)
bars = [np.sort(numbers.random((count, 2)), axis=1) for count in (4, 6)]
for method in (wasserstein, bottleneck, heat):
    assert np.isclose(method(*bars), method(*(bar - 9 for bar in bars))), "changed: the other distances"
for move in (5, 0, -1, -9):
    moved = [bar + move for bar in bars]
    found, expected = sliced_wasserstein(*moved), right(*moved)
    print(f"two diagrams moved by {move}: {found:.4f}, right is {expected:.4f}")
    if move < 0 and np.isclose(found, expected, rtol=1e-4):
        raise SystemExit("changed: diagrams below 0 are right")
    assert np.isclose(found, expected, rtol=1e-4) == (move >= 0), "changed: where it is wrong"

graphs = [nx.gnp_random_graph(60, 0.05, seed=seed) for seed in (1, 2)]
graphs.insert(1, nx.barabasi_albert_graph(60, 2, seed=1))
diagrams = [components(graph, {node: -degree for node, degree in graph.degree}) for graph in graphs]
for name, pair in (("a random and a scale-free graph", diagrams[:2]), ("two random graphs", diagrams[::2])):
    found, expected, above = sliced_wasserstein(*pair), right(*pair), sliced_wasserstein(*(bars + 100 for bars in pair))
    print(f"{name}, from the hubs down: {found:.3f}, right is {expected:.3f}; all degrees moved by 100 {above:.3f}")
    assert np.isclose(above, expected, rtol=1e-4) and found > 2 * expected, "changed: graphs"
print("as described: bars below 0 are projected to the opposite place of the diagonal")
PYTHON
