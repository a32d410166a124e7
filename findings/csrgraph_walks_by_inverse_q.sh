#!/usr/bin/env bash
# csrgraph 0.1.28, csrgraph.random_walks with neighbor_weight, which is how nodevectors draws the walks of its Node2Vec.
#
# Expected: the walks of node2vec (Grover and Leskovec, KDD 2016), with a weight that is "equal to the inverse of q in
#   the Node2Vec paper", as its page says: a step from t over v to x is weighed by 1 / p if x is t, by 1 if x is a
#   neighbour of t, and by 1 / q if it is neither. "Having this higher tends the walks to be more like a Depth-First
#   Search", and "very high makes search more outward".
# Real: the neighbours of t are weighed by it, and what is further out by 1. Up to a factor that is q in place of its
#   inverse, with p / q in place of p: the higher the weight is, the more the walks stay where they are. The first line
#   of the page, "weight on the probability of visiting a neighbor node to the one we're coming from", has it so; the
#   others say the reverse. Without triangles the two cannot be told apart, but for p.
# Why it matters: values of q from papers, a grid over them, or the choice between communities and roles, which is what
#   q is for, are turned round. The embedding is none of the settings that are reported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet numba==0.68.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps csrgraph==0.1.28
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import csrgraph
import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import chisquare

graph = nx.barbell_graph(4, 0)  # two cliques of four nodes and the edge (3, 4)
matrix = nx.to_numpy_array(graph)
T, V = 0, 3  # from 0 to 3, and on: back to 0, to 1 or 2 beside it, or out to 4
near = sorted(graph[V])


def paper(p, q):
    weights = np.array([1 / p if x == T else 1 if graph.has_edge(T, x) else 1 / q for x in near])
    return weights / weights.sum()


def drawn(**options):
    walks = csrgraph.csrgraph(csr_matrix(matrix), threads=1).random_walks(walklen=3, epochs=20_000, **options)
    ends = walks[(walks[:, 0] == T) & (walks[:, 1] == V), 2]
    return np.array([(ends == x).sum() for x in near])


def chance(counts, shares):
    return chisquare(counts, shares * counts.sum()).pvalue


print(f"nodes {near} after {T}, {V}:")
for weight in (1, 4):
    counts = drawn(return_weight=weight)
    print(f"return_weight {weight}: {(counts / counts.sum()).round(3)}, node2vec {paper(1 / weight, 1).round(3)}")
    assert chance(counts, paper(1 / weight, 1)) > 1e-6, "changed: the control"
outward = {}
for weight in (0.25, 4):
    counts, q = drawn(neighbor_weight=weight), 1 / weight
    outward[weight] = counts[near.index(4)] / counts.sum()
    print(f"neighbor_weight {weight} (q = {q:g}): {(counts / counts.sum()).round(3)}, node2vec {paper(1, q).round(3)},", end=" ")
    print(f"with 1 / q and p / q {paper(1 / q, 1 / q).round(3)}")
    if chance(counts, paper(1, q)) > 1e-6:
        raise SystemExit("changed: what is weighed by it")
    assert chance(counts, paper(1 / q, 1 / q)) > 1e-6, "changed: what is weighed by it"
assert outward[0.25] > 2 * outward[4] and paper(1, 4)[-1] < paper(1, 0.25)[-1] / 2, "changed: the direction"
print("as described: a high weight keeps the walks at home")
PYTHON
