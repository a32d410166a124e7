#!/usr/bin/env bash
# HyperNetX 2.4.3, algorithms.clustering.hypergraph_modularity.modularity of a hypergraph with weights.
#
# Expected: the modularity of the partition (Kaminski, Pralat and Theberge 2020, whom it names). It is a difference of
#   shares: weights in another unit, all ten times as large, give the same.
# Real: the volumes of the parts and the weights of the sizes are summed up in arrays of integers, which cut every
#   partial sum off: 0.5 + 0.5 + 0.5 is 0, and 1.9 + 1.9 is 2. Weights that are all below 1 give NaN, others any number:
#   the expected part comes out too small and the modularity too large. Whole numbers are right, and so is any weight
#   that all hyperedges share, which takes another way.
# Why it matters: similarities, shares, probabilities and 1 / size are fractions. One part of all nodes,
#   whose modularity is 0, has a higher score than the two groups below, and last_step, which improves partitions, keeps
#   such sums, too. Multiply the weights and round them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3
"$folder/venv/bin/pip" install --quiet hypernetx==2.4.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from math import comb, isnan

import hypernetx as hnx
from hypernetx.algorithms.clustering.hypergraph_modularity import linear, modularity

EDGES = {"a": [0, 1, 2], "b": [2, 3], "c": [3, 4, 5], "d": [4, 5], "e": [0, 1, 2, 3]}
PARTS = [{0, 1, 2}, {3, 4, 5}]


def by_paper(weights, parts):
    """Share of the weight within parts less the expected one, hyperedges with most of their nodes in a part counted."""
    total = sum(weights)
    volume = [sum(w * len(part & set(edge)) for w, edge in zip(weights, EDGES.values())) for part in parts]
    score = 0.0
    for w, edge in zip(weights, EDGES.values()):
        size = len(edge)
        score += w * linear(size, max(len(part & set(edge)) for part in parts))
        for share in (part / sum(volume) for part in volume):
            chance = [comb(size, c) * share**c * (1 - share) ** (size - c) for c in range(size + 1)]
            score -= w * sum(linear(size, c) * chance[c] for c in range(size + 1))
    return score / total


def found(weights, parts):
    properties = {edge: {"weight": weight} for edge, weight in zip(EDGES, weights)}
    return modularity(hnx.Hypergraph(EDGES, edge_properties=properties), parts)


for weights in (
    (10, 20, 30, 10, 20),
    (2, 4, 6, 2, 4),
    (1.9, 1.9, 1.9, 1.9, 1.9),
    (1.0, 2.0, 3.0, 1.0, 2.0),
    (1.5, 1.9, 2.6, 1.3, 1.7),
    (0.5, 1.0, 1.5, 0.5, 1.0),
    (0.3, 0.6, 0.9, 0.3, 0.6),
):
    said, right = found(weights, PARTS), by_paper(weights, PARTS)
    print(f"weights {weights}: {said:.4f}, by the paper {right:.4f}")
    whole = all(weight == int(weight) for weight in weights) or len(set(weights)) == 1
    if whole:
        assert abs(said - right) < 1e-9, "changed: the controls"
    elif abs(said - right) < 1e-9:
        raise SystemExit("changed: fractions are summed up")
    else:
        assert isnan(said) if max(weights) < 1 else said > right + 0.02, "changed: what comes instead"

weights = (0.7, 1.9, 2.9, 1.5, 1.1)
scores = []
for parts in ([{0, 1, 2, 3, 4, 5}], PARTS):
    scores.append((found(weights, parts), by_paper(weights, parts)))
    print(f"weights {weights}, parts {parts}: {scores[-1][0]:.4f}, by the paper {scores[-1][1]:.4f}")
(said, right), (said_two, right_two) = scores
assert abs(right) < 1e-9 < right_two and said > said_two + 0.05, "changed: one part of all nodes"
print("as described: the sums of fractional weights are cut off")
PYTHON
