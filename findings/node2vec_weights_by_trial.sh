#!/usr/bin/env bash
# node2vec 0.5.0, Node2Vec of a graph with edges of weight 0, and of a MultiGraph.
#
# Expected: the step from v to x has a probability proportional to the weight of the edge, times 1 / p, 1 or 1 / q
#   (Grover and Leskovec 2016). With p = q = 1, the default, it is the weight by the sum of all at v, an edge of 0 is no
#   step, and parallel edges are as many ways to go.
# Real: a weight that is there and 0 is taken for one that is missing, and then for that of a parallel edge, which ends
#   in an error that is caught and a weight of 1. Of a MultiGraph the first step knows no weights at all, and the others
#   have the last parallel edge for all of them.
# Why it matters: a weight of 0 is what a similarity, a flow or a rounded number often is: such an edge is walked as if
#   it were the strongest of a graph of shares. The first step of each walk is right for one and wrong for the other, so
#   that a look at it does not tell.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.17.1 networkx==3.6.1 tqdm==4.70.1 joblib==1.6.0
"$folder/venv/bin/pip" install --quiet smart_open==9.0.2 gensim==4.4.0 node2vec==0.5.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from collections import Counter

import networkx as nx
from node2vec import Node2Vec


def shares(graph, node, to):
    """How often a walk at a node goes on to another, at its first step and at the others, and how often it should."""
    walks = Node2Vec(graph, walk_length=40, num_walks=1000, quiet=True, seed=0).walks
    counts = Counter(), Counter()
    for walk in walks:
        for position, (u, v) in enumerate(zip(walk, walk[1:])):
            if u == str(node):
                counts[position > 0][v] += 1
    right = graph.degree(node, "weight")
    keys = graph[node][to].values() if graph.is_multigraph() else [graph[node][to]]
    return [count[str(to)] / count.total() for count in counts], sum(edge["weight"] for edge in keys) / right


def show(name, graph, node, to):
    (first, later), right = shares(graph, node, to)
    print(f"{name}, {node} to {to}: {first:.3f} of the first steps, {later:.3f} of the others, right is {right:.3f}")
    return first, later, right


pairs = [(0, 1, 0.2), (0, 2, 0.2), (1, 2, 0.2), (3, 4, 0.2), (3, 5, 0.2), (4, 5, 0.2)]
graph = nx.Graph()
graph.add_weighted_edges_from([*pairs, (2, 3, 0.1)])
first, later, right = show("two triangles, an edge of 0.1 between them", graph, 2, 3)
assert abs(first - right) < 0.05 and abs(later - right) < 0.05, "changed: the control"
graph.edges[2, 3]["weight"] = 0.0
first, later, right = show("the same with an edge of 0", graph, 2, 3)
if later == 0:
    raise SystemExit("changed: an edge of 0 is no step")
assert first == right == 0 and abs(later - 1 / 1.4) < 0.05, "changed: an edge of 0 counts as 1"

graph = nx.MultiGraph()
graph.add_weighted_edges_from([(0, 1, 8.0), (0, 2, 2.0), (1, 2, 2.0)])
first, later, right = show("a MultiGraph without parallel edges", graph, 0, 1)
assert abs(first - 0.5) < 0.05 and abs(later - right) < 0.05, "changed: the first step knows no weights"
for order in ((7.0, 1.0), (1.0, 7.0)):
    graph = nx.MultiGraph()
    graph.add_weighted_edges_from([*((0, 1, weight) for weight in order), (0, 2, 2.0), (1, 2, 2.0)])
    first, later, right = show(f"parallel edges of {order[0]:g} and {order[1]:g}", graph, 0, 1)
    last = order[1] / (order[1] + 2)
    assert abs(first - 0.5) < 0.05 and abs(later - last) < 0.05, "changed: the last edge is taken"
print("as described: an edge of weight 0 counts as 1, and weights of a MultiGraph are read in part")
PYTHON
