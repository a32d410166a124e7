#!/usr/bin/env bash
# NetworKit 11.3, centrality.SpanningEdgeCentrality of a graph with weights.
#
# Expected: the share of the spanning trees that an edge is in, each tree counted by the product of its weights, or each
#   once: it lies between 0 and 1, a bridge has 1, and the sum over the edges is the number of nodes less one. The
#   approximation, its page says, is within a factor of 1 + tol of that.
# Real: run() gives the effective resistance between the two ends, with the weights as conductances. That is the share
#   where all weights are 1; in general it still has to be multiplied by the weight of the edge. runApproximation()
#   leaves the weights out at one more place, and is off from run() by any factor. Neither an error nor a word on the
#   page says that weights are not meant.
# Why it matters: a bridge of weight 0.1 is in ten times all trees, in a hundred times by the approximation, one of weight
#   5 in a fifth of them. Strong edges come out as dispensable and weak ones as vital: as a score to sample or to thin
#   out a graph by, as spectral sparsifiers do, the order is turned round. Multiply the scores of run() by the weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import combinations
from math import prod

import networkit as nk
import networkx as nx
import numpy as np


def by_trees(graph, counted):
    """The share of all spanning trees that each edge is in, by going through the trees."""
    total, share = 0, dict.fromkeys(graph.edges, 0)
    for tree in combinations(graph.edges, len(graph) - 1):
        if nx.is_connected(graph.edge_subgraph(tree)) and len({node for edge in tree for node in edge}) == len(graph):
            value = prod(graph.edges[edge]["weight"] for edge in tree) if counted else 1
            total += value
            for edge in tree:
                share[edge] += value
    return np.array([share[edge] / total for edge in graph.edges])


def scores(graph, run):
    made = nk.nxadapter.nx2nk(graph, weightAttr="weight")
    made.indexEdges()
    nk.setSeed(0, False)
    found = nk.centrality.SpanningEdgeCentrality(made, 0.05)
    getattr(found, run)()
    return np.array([found.scores()[made.edgeId(u, v)] for u, v in graph.edges])


def without_weights(graph):
    """What the approximation comes to: the squares of the potentials that each edge's own current gives the others."""
    laplacian = nx.laplacian_matrix(graph, nodelist=range(len(graph))).toarray().astype(float)
    ends = np.zeros((graph.number_of_edges(), len(graph)))
    for row, (u, v) in enumerate(graph.edges):
        ends[row, u], ends[row, v] = 1, -1
    return ((ends @ np.linalg.pinv(laplacian) @ ends.T) ** 2).sum(axis=1)


def weighted(graph, weights):
    nx.set_edge_attributes(graph, dict(zip(graph.edges, weights)), "weight")
    return graph


random = np.random.default_rng(0)
wheel = nx.wheel_graph(6)
for name, graph in (
    ("a path", weighted(nx.path_graph(4), [0.1, 1.0, 5.0])),
    ("a wheel", weighted(wheel.copy(), random.choice([0.2, 1.0, 4.0], wheel.number_of_edges()))),
    ("a wheel with weights of 1", weighted(wheel.copy(), [1.0] * wheel.number_of_edges())),
):
    weight = np.array([graph.edges[edge]["weight"] for edge in graph.edges])
    right, once = by_trees(graph, counted=True), by_trees(graph, counted=False)
    assert np.isclose(right.sum(), len(graph) - 1) and np.isclose(once.sum(), len(graph) - 1)
    plain = (weight == 1).all()
    for run, tolerance in (("run", 1e-4), ("runApproximation", 0.2)):
        found = scores(graph, run)
        print(f"{name}, {run}: sum {found.sum():.2f} ({len(graph) - 1}), largest {found.max():.2f} ({right.max():.2f})")
        known = right / weight if run == "run" else without_weights(graph)
        assert np.allclose(found, known, rtol=tolerance), "changed: what comes back"
        for share in (right, once):
            if np.allclose(found, share, rtol=tolerance) != plain:
                raise SystemExit("changed: weights of the edges")
        assert plain or found.max() > 1.5, "changed: a share above 1"
        if name == "a wheel":
            order = np.corrcoef(found.argsort().argsort(), right.argsort().argsort())[0, 1]
            print(f"  correlation of its order with that of the shares: {order:.2f}")
            assert order < 0, "changed: the order"
print("as described: resistances stand for shares, and the approximation for neither")
PYTHON
