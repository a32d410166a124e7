#!/usr/bin/env bash
# graspologic 3.4.4, partition.modularity and modularity_components of graphs with loops.
#
# Expected: the modularity of its reference, as NetworkX has it. A loop adds twice its weight to the degree of its node,
#   and so does it to what lies within its community. Of one community that has all nodes the modularity is 0.
# Real: the degree of a community has a loop twice, as it should, what lies within has it once. Each loop takes away its
#   share of the weight of all edges, halved; one community with all nodes is below 0, and communities of loops alone,
#   whose modularity is nearly 1, have nearly one half.
# Why it matters: a graph of communities, in which loops are the edges within, or one with loops added for a method that
#   wants them, is scored below what it is, and partitions of it cannot be compared with those of other libraries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.1 networkx==3.4.2 scikit-learn==1.6.1
"$folder/venv/bin/pip" install --quiet graspologic==3.4.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from graspologic.partition import modularity, modularity_components


def right(graph, groups):
    return nx.community.modularity(graph, [{node for node in graph if groups[node] == g} for g in {*groups.values()}])


def dense(graph, groups):
    """By the formula, with twice a loop on the diagonal."""
    A = nx.to_numpy_array(graph)
    A += np.diag(np.diagonal(A))
    same = np.equal.outer(*[np.array([groups[node] for node in graph])] * 2)
    degrees = A.sum(axis=1)
    return ((A - np.outer(degrees, degrees) / A.sum()) * same).sum() / A.sum()


club = nx.karate_club_graph()
sides = {node: int(name != "Mr. Hi") for node, name in club.nodes(data="club")}
for number in (0, 10, 34):
    graph = club.copy()
    graph.add_weighted_edges_from((node, node, 3.0) for node in range(number))
    loops = sum(weight for u, v, weight in graph.edges(data="weight") if u == v)
    total = graph.size("weight")
    for name, groups in (("its two sides", sides), ("all in one", dict.fromkeys(graph, 0))):
        found, truth = modularity(graph, groups), right(graph, groups)
        print(f"karate club, {number} loops of weight 3, {name}: {found:.4f}, right is {truth:.4f}")
        assert np.isclose(truth, dense(graph, groups)), "the oracle: NetworkX and the formula"
        if number and np.isclose(found, truth):
            raise SystemExit("changed: the modularity is right")
        assert np.isclose(found, truth - loops / (2 * total)), "changed: what comes instead"
        assert np.isclose(sum(modularity_components(graph, groups).values()), found), "changed: the parts"

alone = nx.Graph()
alone.add_weighted_edges_from((node, node, 1.0) for node in range(50))
found, truth = modularity(alone, {node: node for node in alone}), right(alone, {node: node for node in alone})
print(f"50 nodes with a loop each and nothing else, each its own community: {found:.3f}, right is {truth:.3f}")
assert np.isclose(truth, 0.98) and np.isclose(found, 0.48), "changed: loops alone"

# a graph of communities has the modularity of the graph from which it was made
merged = nx.Graph()
for u, v, weight in club.edges(data="weight"):
    old = merged.get_edge_data(sides[u], sides[v], {"weight": 0})["weight"]
    merged.add_edge(sides[u], sides[v], weight=old + weight)
found, truth = modularity(merged, {0: 0, 1: 1}), right(merged, {0: 0, 1: 1})
print(f"the two sides as two nodes: {found:.4f}, as 34 nodes {modularity(club, sides):.4f}")
assert np.isclose(truth, modularity(club, sides)) and found < truth - 0.3, "changed: a graph of communities"
print("as described: a loop counts once within and twice in the degree")
PYTHON
