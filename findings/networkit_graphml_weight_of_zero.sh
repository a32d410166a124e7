#!/usr/bin/env bash
# NetworKit 11.3, readGraph of a GraphML file in which some edges have no weight of their own.
#
# Expected: as the GraphML Primer says, an edge without the value of a key has the default of the key, where there is
#   one; igraph and rustworkx read it so, and NetworkX keeps the default at the graph, as its page says. Where there is
#   none, the weight is 1: that of NetworKit's addEdge, and of NetworkX's algorithms.
# Real: every such edge has the weight 0, whatever the default is. Where the key is for="all", which the format has for
#   keys of nodes and edges alike, no weight is read at all, and the graph is unweighted. Nothing is said.
# Why it matters: the Primer's own example has three edges without a weight, and writers leave out what is the default.
#   Distances over such edges are 0 and their ends are one place; they take no part in cuts, in modularity, in a weighted
#   degree. One weight that is written makes all others 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3 igraph==1.0.0 rustworkx==0.18.1
"$folder/venv/bin/python" -W ignore - "$folder/graph.graphml" <<'PYTHON'
import sys

import igraph as ig
import networkit as nk
import networkx as nx
import rustworkx as rx

PATH = sys.argv[1]
FILE = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="w" for="{kind}" attr.name="weight" attr.type="double">{default}</key>
<graph edgedefault="undirected"><node id="0"/><node id="1"/><node id="2"/>
<edge source="0" target="1"/><edge source="1" target="2"><data key="w">3.0</data></edge>
</graph></graphml>"""


def written(kind="edge", default=""):
    with open(PATH, "w") as file:
        file.write(FILE.format(kind=kind, default=default))


def networkit():
    found = nk.readGraph(PATH, nk.Format.GraphML)
    return found, {tuple(sorted((u, v))): weight for u, v, weight in found.iterEdgesWeights()}


def peers():
    """The weights that the others have, by edge."""
    first, second = ig.Graph.Read_GraphML(PATH), rx.read_graphml(PATH)[0]
    return (
        {tuple(sorted(edge.tuple)): edge["weight"] for edge in first.es},
        {tuple(sorted((u, v))): data["weight"] for u, v, data in second.weighted_edge_list()},
    )


for default in (5.0, 1.0, None):
    written(default="" if default is None else f"<default>{default}</default>")
    found, weights = networkit()
    distance = nk.distance.Dijkstra(found, 0).run().distance(1)
    print(f"default {default}: edge 0-1 has the weight {weights[0, 1]}, the distance is {distance}")
    if weights != {(0, 1): 0.0, (1, 2): 3.0}:
        raise SystemExit("changed: the weight of an edge without one")
    assert distance == 0, "changed: the distance"
    if default is not None:
        assert peers() == ({(0, 1): default, (1, 2): 3.0},) * 2, "changed: the control"
    graph = nx.read_graphml(PATH)
    assert graph.graph["edge_default"].get("weight") == default, "changed: the default at the graph"
    expected = graph.graph["edge_default"].get("weight", 1)
    assert nx.dijkstra_path_length(graph, "0", "1", weight=lambda u, v, data: data.get("weight", expected)) == expected

made = nk.Graph(2, weighted=True)
made.addEdge(0, 1)
assert made.weight(0, 1) == 1, "changed: the weight of addEdge"

written(kind="all")
found, weights = networkit()
print(f'for="all": {"weighted" if found.isWeighted() else "unweighted"}, edge 1-2 has the weight {weights[1, 2]}')
assert nx.read_graphml(PATH).edges["1", "2"] == {"weight": 3.0}, "changed: the control"
assert rx.read_graphml(PATH)[0].get_edge_data(1, 2)["weight"] == 3.0, "changed: the control"
if found.isWeighted() or weights != {(0, 1): 1.0, (1, 2): 1.0}:
    raise SystemExit('changed: a key for="all"')
print("as described: an edge without a weight of its own has the weight 0")
PYTHON
