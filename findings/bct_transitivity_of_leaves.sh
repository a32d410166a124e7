#!/usr/bin/env bash
# bctpy 0.6.1, transitivity_wd.
#
# Expected: triangles over triplets, summed up over all nodes, as its page says, which "reduces to symmetric and/or
#   binary versions": with all weights 1 it is transitivity_bd, and of a symmetric matrix transitivity_wu.
# Real: the degree of a node in no triangle is set to infinity, so that its own coefficient would be 0. That is right in
#   clustering_coef_wd, where each node has a quotient of its own. Here the triplets are summed up first: one such node,
#   a leaf or one without an edge, makes the sum infinite, and the transitivity is 0. Nothing is said.
# Why it matters: hardly a network, and next to none after a threshold, is without a leaf. A brain, a web or a citation
#   network with thousands of triangles has the transitivity 0, a number that looks like a result, while one that is
#   dense enough has the right one: along a range of thresholds it falls to 0 at once where the first node drops out of
#   all triangles. transitivity_bd had the same until 2016, and was mended.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet bctpy==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import bct
import networkx as nx
import numpy as np


def definition(weights):
    """Triangles of weights to the power 1/3 over triplets, both as in Fagiolo 2007, summed up over the nodes."""
    ones = (weights != 0).astype(float)
    roots = np.cbrt(weights) + np.cbrt(weights).T
    degrees = (ones + ones.T).sum(axis=1)
    triplets = degrees * (degrees - 1) - 2 * np.diag(ones @ ones)
    return np.trace(roots @ roots @ roots) / 2 / triplets.sum()


clique = nx.to_numpy_array(nx.complete_graph(8))
leaf = np.zeros((9, 9))
leaf[:8, :8] = clique
leaf[0, 8] = leaf[8, 0] = 1
karate = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
directed = nx.to_numpy_array(nx.gnp_random_graph(60, 0.05, seed=0, directed=True))
graphs = {"clique": clique, "clique with a leaf": leaf, "karate club": karate, "random, directed": directed}
for name, ones in graphs.items():
    found, binary, right = bct.transitivity_wd(ones), bct.transitivity_bd(ones), definition(ones)
    print(f"{name}: transitivity_wd {found:.3f}, transitivity_bd {binary:.3f}")
    assert np.isclose(binary, right), "changed: the binary one"
    if (ones == ones.T).all():
        assert np.isclose(right, nx.transitivity(nx.from_numpy_array(ones)))
        assert np.isclose(bct.transitivity_wu(ones), right), "changed: the undirected one"
    if name == "clique":
        assert np.isclose(found, right), "changed: without a leaf"
    elif np.isclose(found, right):
        raise SystemExit("changed: leaves are no matter")
    else:
        assert found == 0, "changed: it is another number"

noise = np.random.default_rng(0).normal(size=(40, 120))
similar = np.corrcoef(noise + np.arange(40)[:, None] / 40 * np.sin(np.arange(120)))
np.fill_diagonal(similar, 0)
line = []
for level in (0.0, 0.1, 0.15, 0.2, 0.25, 0.3):
    weights = np.where(similar > level, similar, 0)
    line.append((bct.transitivity_wd(weights), definition(weights)))
print("correlations above 0, 0.1, 0.15, 0.2, 0.25 and 0.3:", ", ".join(f"{found:.3f}" for found, _ in line))
print("by definition:                                     ", ", ".join(f"{right:.3f}" for _, right in line))
assert np.isclose(*line[0]) and line[-1][0] == 0 and min(right for _, right in line) > 0.1, "changed: the thresholds"
print("as described: one node in no triangle makes it 0")
PYTHON
