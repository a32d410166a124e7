#!/usr/bin/env bash
# raphtory 0.17.0, algorithms.max_weight_matching with weights that are floating-point numbers.
#
# Expected: the matching of largest weight, of the property that weight_prop names. Its page and the routine of NetworkX
#   that it was made from know no other kind of weight than a number.
# Real: only whole numbers are read. Where the property is a float, as add_edge makes it of 9.0, every edge counts the
#   same and the result is a matching of as many edges as possible. Nothing is said.
# Why it matters: weights are similarities, probabilities or prices, which are fractions. The pairs have nothing to do
#   with them, and the same table with weights in hundredths gives another matching.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1 pandas==2.3.3 pyarrow==22.0.0
"$folder/venv/bin/pip" install --quiet raphtory==0.17.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from raphtory import Graph, algorithms


def matched(graph, kind, cardinality):
    made = Graph()
    for u, v, weight in graph.edges(data="weight"):
        made.add_edge(0, u, v, properties={"weight": kind(weight)})
    found = algorithms.max_weight_matching(made, "weight", max_cardinality=cardinality)
    pairs = {frozenset((int(edge.src.name), int(edge.dst.name))) for edge in found.edges()}
    assert nx.is_matching(graph, [tuple(pair) for pair in pairs])
    return pairs


def weight(graph, pairs):
    return sum(graph.edges[tuple(pair)]["weight"] for pair in pairs)


path = nx.Graph()
path.add_weighted_edges_from([(0, 1, 1), (1, 2, 9), (2, 3, 1)])
for kind in (int, float):
    found = matched(path, kind, False)
    print(f"a path with the weights 1, 9, 1 as {kind.__name__}: {len(found)} edges, weight {weight(path, found)}, the largest is 9")
assert weight(path, matched(path, int, False)) == 9, "changed: whole numbers, the control"
if weight(path, found) == 9:
    raise SystemExit("changed: floats are weights")

rng = np.random.default_rng(0)
lost = {int: [], float: []}
for seed in range(20):
    graph = nx.gnp_random_graph(16, 0.4, seed=seed)
    nx.set_edge_attributes(graph, {edge: int(rng.integers(1, 100)) for edge in graph.edges}, "weight")
    for cardinality in (True, False):
        best = weight(graph, nx.max_weight_matching(graph, maxcardinality=cardinality))
        largest = len(nx.max_weight_matching(nx.Graph(graph.edges), maxcardinality=True))
        for kind in (int, float):
            found = matched(graph, kind, cardinality)
            lost[kind].append(1 - weight(graph, found) / best)
            same = {edge: {"weight": 1} for edge in graph.edges}
            if kind is float:
                assert len(found) == largest, "changed: as many edges as possible"
for kind, losses in lost.items():
    print(f"20 random graphs, weights from 1 to 99 as {kind.__name__}: {100 * np.mean(losses):.0f} % of the weight is lost")
assert not any(lost[int]) and np.mean(lost[float]) > 0.2, "changed: how much is lost"
print("as described: floats count as no weights")
PYTHON
