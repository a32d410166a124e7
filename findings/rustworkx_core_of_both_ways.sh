#!/usr/bin/env bash
# rustworkx 0.18.1, core_number of a directed graph with edges in both directions.
#
# Expected: the degree is in_degree + out_degree, as the docstring of digraph_core_number says: two edges, there and
#   back, are two. The graph is neither a multigraph nor has it loops, which that page sets aside. NetworkX and igraph
#   count so, and so does the definition.
# Real: a node that is a neighbour in both directions counts once. Of the complete digraph of five nodes, every one of
#   which has the degree 8, the core is 4.
# Why it matters: every undirected graph that is stored as two directed edges, PyG's edge_index among them, and every
#   citation or follower graph with reciprocal edges has another core decomposition than in the libraries beside it;
#   as structural feature or as order of nodes it mixes reciprocated with one-way neighbours.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet rustworkx==0.18.1 igraph==1.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import igraph as ig
import networkx as nx
import rustworkx as rx


def by_definition(graph):
    """Take away whoever has a degree below k, until nobody has, for each k."""
    core = dict.fromkeys(graph, 0)
    for k in range(1, 2 * len(graph)):
        left = graph.copy()
        while few := [node for node in left if left.in_degree(node) + left.out_degree(node) < k]:
            left.remove_nodes_from(few)
        core |= dict.fromkeys(left, k)
    return [core[node] for node in sorted(core)]


assert "in_degree + out_degree" in rx.digraph_core_number.__doc__, "changed: the words"
for name, graph, both in (
    ("a triangle, one way", nx.DiGraph([(0, 1), (1, 2), (2, 0)]), False),
    ("random, one way", nx.gnp_random_graph(30, 0.2, seed=1).to_directed(), False),
    ("two nodes, there and back", nx.DiGraph([(0, 1), (1, 0)]), True),
    ("complete, there and back", nx.complete_graph(5).to_directed(), True),
    ("random, partly there and back", nx.gnp_random_graph(30, 0.3, seed=1, directed=True), True),
):
    if name == "random, one way":
        graph.remove_edges_from([(u, v) for u, v in graph.edges if u > v])
    right = by_definition(graph)
    peers = [nx.core_number(graph)[node] for node in sorted(graph)], ig.Graph(len(graph), list(graph.edges), directed=True).coreness()
    assert all(peer == right for peer in peers), "changed: the control"
    made = rx.PyDiGraph()
    made.add_nodes_from(sorted(graph))
    made.add_edges_from_no_data(list(graph.edges))
    assert all(made.in_degree(n) + made.out_degree(n) == graph.degree(n) for n in graph)
    found = [rx.core_number(made)[node] for node in sorted(graph)]
    print(f"{name}: largest core {max(found)}, by definition {max(right)}; {sum(a != b for a, b in zip(found, right))} of {len(right)} nodes differ")
    if (found != right) != both:
        raise SystemExit("changed: what counts for the degree")
    once = by_definition(nx.DiGraph([(min(e), max(e)) for e in graph.edges]))
    assert found == once, "changed: it is that of the graph with one edge a pair"
print("as described: a neighbour in both directions counts once")
PYTHON
