#!/usr/bin/env bash
# NetworKit 11.3, correlation.Assortativity of numbers (degrees, say) on an undirected graph.
#
# Expected: Newman's coefficient, the correlation of the two ends of an edge, each edge read in both directions:
#   an undirected edge has no first end. NetworkX and igraph give that, and so does NetworKit for a partition of
#   the nodes, whose docstring says that each edge counts once in each direction.
# Real: for numbers each edge is read once, from the end of the larger index to that of the smaller: the
#   coefficient is another one for each numbering of the same nodes, of either sign.
# Why it matters: a star has the degree assortativity -1 whatever its nodes are called; a table of assortativities,
#   or of homophily by a number, says how the files were numbered. Give both directions, in a directed graph.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3 igraph==1.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import igraph as ig
import networkit as nk
import networkx as nx
import numpy as np

graph = nx.gnp_random_graph(20, 0.2, seed=3)


def of_kit(edges, values, directed):
    kit = nk.Graph(20, directed=directed)
    for u, v in edges:
        kit.addEdge(u, v)
    if isinstance(values, nk.Partition):
        return nk.correlation.Assortativity(kit, values).run().getCoefficient()
    return nk.correlation.Assortativity(kit, list(map(float, values))).run().getCoefficient()


found = {name: [] for name in ("once, by hand", "undirected", "directed", "partition", "NetworkX", "igraph")}
for seed in range(6):
    name = list(range(20))
    random.Random(seed).shuffle(name)
    renamed = nx.relabel_nodes(graph, dict(enumerate(name)))
    edges = [(max(pair), min(pair)) for pair in renamed.edges]
    degree = np.array([renamed.degree(node) for node in range(20)], dtype=float)
    both = [*edges, *((v, u) for u, v in edges)]
    parts = nk.Partition(20)
    parts.setUpperBound(3)
    for node, called in enumerate(name):
        parts[called] = node % 3
    ends = degree[np.array(edges)]
    found["once, by hand"].append(np.corrcoef(ends[:, 0], ends[:, 1])[0, 1])
    found["undirected"].append(of_kit(edges, degree, False))
    found["directed"].append(of_kit(both, degree, True))
    found["partition"].append(of_kit(edges, parts, False))
    found["NetworkX"].append(nx.degree_assortativity_coefficient(renamed))
    found["igraph"].append(ig.Graph(20, edges).assortativity_degree(directed=False))
for what, values in found.items():
    print(f"{what:14s}", *(f"{value:+.4f}" for value in values))
for what in ("directed", "NetworkX", "igraph"):
    assert np.allclose(found[what], found["NetworkX"][0]), f"changed: the control, {what}"
assert np.allclose(found["partition"], found["partition"][0]), "changed: the control of a partition"
if not np.ptp(found["undirected"]) > 0.05:
    raise SystemExit("changed: the same for each numbering")
assert np.allclose(found["undirected"], found["once, by hand"]), "changed: how an edge is read"
print("as described: six numberings of one graph have six assortativities")
PYTHON
