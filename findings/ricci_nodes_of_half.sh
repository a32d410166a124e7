#!/usr/bin/env bash
# GraphRicciCurvature 0.6.1, OllivierRicci.compute_ricci_curvature of a directed graph: the curvature of the nodes.
#
# Expected: "node Ricci curvature is defined as the average of all it's adjacency edge", as its page says, of "a given
#   directional or undirectional NetworkX graph". Whether the edges that leave, those that arrive or both are meant, where
#   all edges have one curvature every node has it, too.
# Real: the curvatures of the edges that leave are summed up, and divided by in-degree and out-degree together. In a
#   directed cycle each node has a half of what each of its edges has. A node that many edges reach is next to 0,
#   whatever they are, and one that no edge leaves is 0. Undirected graphs are right. Nothing is said.
# Why it matters: negative nodes are read as bridges and bottlenecks, positive ones as the inside of communities. Here
#   the number says how much of its degree a node sends: the hubs that everything flows to look flat, and an undirected
#   graph that is stored with two edges for each pair has a half of its own curvature.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 networkit==11.3 python-louvain==0.16
"$folder/venv/bin/pip" install --quiet POT==0.9.7.post1
"$folder/venv/bin/pip" install --quiet --no-deps GraphRicciCurvature==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from GraphRicciCurvature.OllivierRicci import OllivierRicci


def curvature(graph):
    model = OllivierRicci(graph, alpha=0.5, method="OTD", proc=1)
    model.compute_ricci_curvature()
    edges = {(u, v): float(value) for u, v, value in model.G.edges(data="ricciCurvature")}
    return edges, {node: float(value) for node, value in model.G.nodes(data="ricciCurvature")}


def average(edges, node, ends):
    return np.mean([value for edge, value in edges.items() if node in [edge[end] for end in ends]])


for name, graph in {
    "undirected cycle": nx.cycle_graph(6),
    "undirected complete": nx.complete_graph(5),
    "directed cycle": nx.cycle_graph(6, create_using=nx.DiGraph),
    "complete, both ways": nx.complete_graph(5, create_using=nx.DiGraph),
}.items():
    edges, nodes = curvature(graph)
    edge, node = {round(value, 6) for value in edges.values()}, {round(value, 6) for value in nodes.values()}
    print(f"{name}: every edge has {edge}, every node {node}")
    assert len(edge) == len(node) == 1, "changed: all edges are alike here"
    edge, node = edge.pop(), node.pop()
    if graph.is_directed() and np.isclose(edge, node):
        raise SystemExit("changed: the nodes of a directed graph")
    assert np.isclose(node, edge / 2 if graph.is_directed() else edge), "changed: a half"

graph = nx.DiGraph([(i, 0) for i in range(1, 9)] + [(0, 9), (9, 10)] + [(10, i) for i in range(1, 9)])
edges, nodes = curvature(graph)
print(f"{graph.in_degree(0)} edges reach node 0 and one leaves: it has {nodes[0]:.3f};", end=" ")
print(f"the mean of what leaves is {average(edges, 0, [0]):.3f}, of what arrives {average(edges, 0, [1]):.3f},", end=" ")
print(f"of all {average(edges, 0, [0, 1]):.3f}")
leave = sum(value for (source, _), value in edges.items() if source == 0)
assert np.isclose(nodes[0], leave / graph.degree(0)), "changed: what is divided"
assert all(not np.isclose(nodes[0], average(edges, 0, ends)) for ends in ([0], [1], [0, 1])), "changed: an average"
undirected = nx.karate_club_graph()
edges, nodes = curvature(nx.Graph(undirected.edges))
assert all(np.isclose(nodes[node], average(edges, node, [0, 1])) for node in nodes), "changed: the control"
print("as described: out-going edges over the whole degree")
PYTHON
