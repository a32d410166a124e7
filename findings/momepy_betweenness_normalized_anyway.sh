#!/usr/bin/env bash
# momepy 0.11.0, betweenness_centrality with normalized=False and without a radius.
#
# Expected: "if True the betweenness values are normalized", as its page says of normalized; False, the default, has the
#   sums of its formula, the pairs whose shortest path passes a node or an edge. With a radius it is so, and one that
#   takes in the whole network is the whole network.
# Real: without a radius normalized is not handed on, and NetworkX normalizes where nothing is said. Both values of the
#   argument give the same: nodes divided by the number of pairs, edges too. The page has the n of a subgraph in the
#   factor, and does not say that without one the argument is not read. (endpoints, whose default is True, is handed on
#   there, and not with a radius, so that the two differ in that as well.)
# Why it matters: it is asked for to compare, of one network that grows or of towns of different sizes, or a radius with
#   the whole. A node with as many paths as before falls as the network grows at another end, and a local value of 34 has
#   0.13 for its global one. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet geopandas==1.2.0 libpysal==4.14.1 tqdm==4.70.1 momepy==0.11.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import momepy
import networkx as nx
import numpy as np


def streets(columns, rows):
    """A grid of streets with lengths of their own."""
    numbers = np.random.default_rng(0)
    graph = nx.MultiGraph()
    graph.add_edges_from(nx.grid_2d_graph(columns, rows).edges)
    for u, v, k in graph.edges(keys=True):
        graph.edges[u, v, k]["mm_len"] = 1 + numbers.random()
    return graph


def pairs(graph):
    """How many shortest paths pass a node between their ends, and an edge; no two paths have one length here."""
    nodes, edges = dict.fromkeys(graph, 0), dict.fromkeys(map(frozenset, nx.Graph(graph).edges), 0)
    for source, paths in nx.all_pairs_dijkstra_path(graph, weight="mm_len"):
        for path in paths.values():
            for node in path[1:-1]:
                nodes[node] += 0.5
            for edge in zip(path, path[1:]):
                edges[frozenset(edge)] += 0.5
    return nodes, edges


def found(graph, **settings):
    result = momepy.betweenness_centrality(graph, verbose=False, **settings)
    if settings.get("mode") == "edges":
        return {frozenset((u, v)): value for u, v, value in result.edges(data="betweenness")}
    return dict(result.nodes(data="betweenness"))


def same(first, second, factor=1):
    return all(np.isclose(first[key], factor * second[key]) for key in second)


for size in (4, 8):
    graph = streets(size, 3)
    n = len(graph)
    nodes, edges = pairs(graph)
    plain = found(graph, normalized=False, endpoints=False)
    wide = found(graph, normalized=False, radius=100)
    node = (1, 1)
    print(f"{n} nodes, the paths over {node}: {nodes[node]:g}, found {plain[node]:.3f}, with a radius {wide[node]:g}")
    assert same(wide, nodes), "changed: with a radius"
    if same(plain, nodes):
        raise SystemExit("changed: normalized=False is handed on")
    assert same(plain, nodes, 2 / (n - 1) / (n - 2)), "changed: what comes instead"
    assert plain == found(graph, normalized=True, endpoints=False), "changed: both values of the argument"
    of_edges = found(graph, mode="edges", normalized=False)
    assert same(of_edges, edges, 2 / n / (n - 1)), "changed: edges"
    largest = max(edges, key=edges.get)
    print(f"   the most used edge: {edges[largest]:g}, found {of_edges[largest]:.3f}")
print("as described: normalized=False normalizes")
PYTHON
