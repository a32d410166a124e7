#!/usr/bin/env bash
# NetworKit 11.3, writeGraph and readGraph of a weighted graph as edge list, GML or MAT.
#
# Expected: a graph that is written and read again has the weights that it had. METIS, GraphML and NetworKit's own
#   binary format keep them to the last bit. Edge lists and Matlab's matrices hold numbers, GML any key of an edge:
#   NetworkX, igraph and SciPy write and read weights in them.
# Real: edge lists have six significant digits: 1234567 comes back as 1234570, and a time in seconds is off by an hour.
#   GML has no weights: they are not written, and those of a file of NetworkX are not read. MAT has them in the file, and
#   the reader takes every entry for an edge of weight 1, in both directions: a directed matrix becomes an undirected
#   graph. Nothing is said, and no page of these readers and writers mentions it.
# Why it matters: weights are sums, times and money, or similarities that are close together. A graph that was stored
#   between two steps, or comes from another library, has other shortest paths and communities than the one in memory,
#   and it depends on the ending of a file. GraphML keeps both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import sys

import networkit as nk
import networkx as nx
from scipy.io import loadmat

FOLDER = sys.argv[1]
WEIGHTS = {(0, 1): 1234567.0, (1, 2): 0.12345678901, (2, 3): 1764483661.0, (3, 0): 2.5, (4, 3): 0.5}


def graph(directed):
    made = nk.Graph(5, weighted=True, directed=directed)
    for (u, v), weight in WEIGHTS.items():
        made.addEdge(u, v, weight)
    return made


def as_dict(found):
    edges = {(u, v): weight for u, v, weight in found.iterEdgesWeights()}
    return edges if found.isDirected() else {tuple(sorted(edge)): weight for edge, weight in edges.items()}


def again(directed, name):
    """The graph behind a file of the given format, whether it is directed, and its edges with their weights."""
    path = f"{FOLDER}/{name}"
    nk.writeGraph(graph(directed), path, getattr(nk.Format, name))
    options = {"directed": directed} if name.startswith("EdgeList") else {}
    found = nk.readGraph(path, getattr(nk.Format, name), **options)
    return found.isDirected(), as_dict(found)


for directed in (False, True):
    right = as_dict(graph(directed))
    ones, rounded = dict.fromkeys(right, 1.0), {edge: float(f"{weight:.6g}") for edge, weight in right.items()}
    either = dict.fromkeys(map(tuple, map(sorted, right)), 1.0)
    for name in ("METIS", "GraphML", "NetworkitBinary", "EdgeListSpaceZero", "EdgeListTabOne", "GML", "MAT"):
        if name == "METIS" and directed:
            continue  # the format is one of undirected graphs
        kept, found = again(directed, name)
        what = {"METIS": right, "GraphML": right, "NetworkitBinary": right, "GML": ones, "MAT": either}.get(name, rounded)
        lost = sum(found.get(edge) != weight for edge, weight in right.items())
        print(f"{name}, {'directed' if directed else 'undirected'}: {lost} of {len(right)} weights are others", end="")
        print("" if kept == directed else ", and it is undirected")
        if what is not right and found == right:
            raise SystemExit(f"changed: {name} keeps the weights")
        assert found == what and kept == (directed and name != "MAT"), f"changed: {name}"

# The weights of a MAT file are in it, those of a GML file are not; and those of NetworkX's are not read.
matrix = loadmat(f"{FOLDER}/MAT")["G"]
assert {(u, v): matrix[u, v] for u, v in WEIGHTS} == WEIGHTS and matrix.nnz == len(WEIGHTS), "changed: the file"
assert not any(data for *_, data in nx.read_gml(f"{FOLDER}/GML", label="id").edges(data=True)), "changed: the file"
other = nx.Graph()
other.add_nodes_from(range(5))
other.add_weighted_edges_from((u, v, weight) for (u, v), weight in WEIGHTS.items())
nx.write_gml(other, f"{FOLDER}/other.gml")
assert nx.utils.graphs_equal(nx.read_gml(f"{FOLDER}/other.gml", destringizer=int), other), "changed: the control"
found = nk.readGraph(f"{FOLDER}/other.gml", nk.Format.GML)
assert not found.isWeighted() and found.numberOfEdges() == len(WEIGHTS), "changed: weights of NetworkX's file"


def distance(found):
    return nk.distance.Dijkstra(found, 0).run().distance(2)


before, after = distance(graph(False)), distance(nk.readGraph(f"{FOLDER}/other.gml", nk.Format.GML))
assert before == nx.dijkstra_path_length(other, 0, 2)
print(f"from 0 to 2 it is {before} in memory and {after} behind the file")
assert before != after
print("as described: weights are rounded in edge lists, and lost in GML and in reading MAT")
PYTHON
