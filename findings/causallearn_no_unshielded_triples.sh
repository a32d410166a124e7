#!/usr/bin/env bash
# causal-learn 0.1.4.8, utils.GraphUtils.find_unshielded_triples, which takes a Dag.
#
# Expected: "the list of unshielded triples i o-o j o-o k", as the page says: two edges that share a node and whose
#   other ends are not joined, in both orders, as find_triangles beside it gives those whose ends are.
# Real: of the second edge the first node is read twice, and its other end never. A triple would have to be of nodes
#   that are joined and not joined: the list is empty, whatever the graph.
# Why it matters: the Markov class of a graph is its edges and which unshielded triples are colliders. With an empty
#   list all graphs with the same edges are of one class: a -> b <- c, in which a and c are independent, is a -> b -> c.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1 pyparsing==3.3.3 pydot==4.0.1
"$folder/venv/bin/pip" install --quiet --no-deps causal-learn==0.1.4.8
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
from itertools import combinations, permutations

from causallearn.graph.Dag import Dag
from causallearn.graph.GraphNode import GraphNode
from causallearn.utils.GraphUtils import GraphUtils

utils = GraphUtils()


def found(edges, method):
    names = sorted({node for edge in edges for node in edge})
    nodes = {name: GraphNode(name) for name in names}
    graph = Dag(list(nodes.values()))
    for u, v in edges:
        graph.add_directed_edge(nodes[u], nodes[v])
    return sorted(tuple(node.get_name() for node in triple) for triple in method(graph))


def right(edges, shielded):
    joined = {frozenset(edge) for edge in edges}
    triples = permutations({node for edge in edges for node in edge}, 3)
    paths = ((u, v, w) for u, v, w in triples if {u, v} in joined and {v, w} in joined)
    return sorted((u, v, w) for u, v, w in paths if ({u, w} in joined) == shielded)


for name, edges in {
    "a -> b -> c": [("a", "b"), ("b", "c")],
    "a <- b -> c": [("b", "a"), ("b", "c")],
    "a -> b <- c": [("a", "b"), ("c", "b")],
}.items():
    triples = found(edges, utils.find_unshielded_triples)
    print(f"{name}: {triples}, right is {right(edges, False)}")
    assert right(edges, False) == [("a", "b", "c"), ("c", "b", "a")], "the oracle"
    if triples == right(edges, False):
        raise SystemExit("changed: unshielded triples are found")
    assert triples == [], "changed: what comes instead"

numbers = random.Random(0)
expected = triangles = 0
for _ in range(200):
    nodes = numbers.sample("abcdefg", 7)
    edges = [pair for pair in combinations(nodes, 2) if numbers.random() < 0.4]
    assert found(edges, utils.find_triangles) == right(edges, True), "changed: the control, triangles"
    assert found(edges, utils.find_unshielded_triples) == [], "changed: a triple is found"
    expected, triangles = expected + len(right(edges, False)), triangles + len(right(edges, True))
print(f"200 random graphs: 0 unshielded triples of {expected}; all {triangles} that are shielded by find_triangles")
print("as described: no unshielded triple is found in any graph")
PYTHON
