#!/usr/bin/env bash
# linkpred 0.6, predictors.GraphDistance with a weight that is not called "weight".
#
# Expected: the argument "holds the name of the edge attribute used as weight", as its page says, and the same numbers
#   under another name give the same predictions, as with Jaccard, AdamicAdar and the common neighbours.
# Real: the distances, 1 / w^alpha, are laid on the edges of a second graph as "weight", and are asked for by the name
#   that was given. NetworkX takes 1 for an edge without the attribute: every edge is as long as every other, and
#   alpha is without effect, too. Nothing is said.
# Why it matters: links of co-authors, flights or contacts carry "count", "papers" or "strength". Two people with a
#   hundred papers and two with one are as close, and what stands beside the other predictors, with weights and without,
#   is the one without weights twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 smokesignal==0.7.0
"$folder/venv/bin/pip" install --quiet --no-deps linkpred==0.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from linkpred.predictors import AdamicAdar, CommonNeighbours, GraphDistance, Jaccard

graph = nx.karate_club_graph()
random = np.random.default_rng(0)
for _, _, data in graph.edges(data=True):
    data["weight"] = data["papers"] = float(random.integers(1, 100))


def scores(predictor, **options):
    found = predictor(graph).predict(**options)
    return np.array([found[u, v] for u in graph for v in graph if v < u])


def definition(alpha):
    lengths = {(u, v): 1 / data["papers"] ** alpha for u, v, data in graph.edges(data=True)}
    made = graph.copy()
    nx.set_edge_attributes(made, lengths, "length")
    paths = dict(nx.all_pairs_dijkstra_path_length(made, weight="length"))
    return np.array([1 / paths[u][v] for u in graph for v in graph if v < u])


for predictor in (CommonNeighbours, AdamicAdar, Jaccard):
    assert np.allclose(scores(predictor, weight="weight"), scores(predictor, weight="papers")), "changed: the others"
plain = scores(GraphDistance, weight=None)
for alpha in (0.1, 1):
    one, two = scores(GraphDistance, weight="weight", alpha=alpha), scores(GraphDistance, weight="papers", alpha=alpha)
    right = definition(alpha)
    assert np.allclose(one, right), "changed: the attribute weight"
    print(f"alpha {alpha:g}: the same numbers as 'weight' give scores up to {one.max():.2f},", end=" ")
    print(f"as 'papers' up to {two.max():.2f}, and without weights up to {plain.max():.2f}")
    if np.allclose(two, right):
        raise SystemExit("changed: the name is looked up")
    assert np.array_equal(two, plain), "changed: without weights"
print("as described: under any other name there are no weights")
PYTHON
