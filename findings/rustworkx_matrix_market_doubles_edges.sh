#!/usr/bin/env bash
# rustworkx 0.18.1, write_matrix_market and read_matrix_market.
#
# Expected: "edges become non-zero entries", and entries edges: the file of a graph is that of its adjacency matrix, as
#   adjacency_matrix beside it has it, and a symmetric matrix is a PyGraph with an edge for each pair. SciPy reads what
#   was written, and what SciPy writes is read.
# Real: the entries are all 1, whatever the edges carry, and the numbers of a file are not read: every edge has None. A
#   loop of an undirected graph is written twice. An undirected graph comes back as a PyDiGraph, and a symmetric matrix
#   becomes a PyGraph with two edges for each pair, so that degrees are doubled. Nothing is said. Matrices of integers
#   and patterns, as many graphs in this format are, are refused in words, and SciPy refuses the files written here: they
#   begin with %%matrixmarket. (That is issue 1600 of nalgebra, whose writer it is.)
# Why it matters: the format is how graphs come from collections and how matrices go from one language to another.
#   Distances, flows and spanning trees of what was read are those of a graph without weights, and numbers of edges,
#   degrees, modularity and whatever counts edges see each twice. networkx_converter of what NetworkX makes of SciPy's
#   matrix keeps both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet rustworkx==0.18.1
"$folder/venv/bin/python" -W ignore - "$folder/graph.mtx" <<'PYTHON'
import io
import sys

import networkx as nx
import numpy as np
import rustworkx as rx
from scipy.io import mmread, mmwrite
from scipy.sparse import coo_array

PATH = sys.argv[1]
EDGES = [(0, 1, 2.5), (1, 2, 0.25), (2, 2, 4.0), (3, 1, 7.0)]


def refused(call, *arguments):
    try:
        call(*arguments)
    except ValueError:
        return True
    return False


# Writing.
for kind in (rx.PyGraph, rx.PyDiGraph):
    graph = kind()
    graph.add_nodes_from(range(4))
    graph.add_edges_from(EDGES)
    right = rx.adjacency_matrix(graph, weight_fn=float)
    rx.write_matrix_market(graph, PATH)
    assert refused(mmread, PATH), "changed: SciPy reads the banner"
    with open(PATH) as file:
        text = file.read().replace("%%matrixmarket", "%%MatrixMarket")
    found = mmread(io.StringIO(text)).toarray()
    again = rx.read_matrix_market_file(PATH)
    print(f"{kind.__name__} with the weights {sorted(set(right[right > 0].tolist()))} is written with", end=" ")
    print(f"{sorted(set(found[found > 0].tolist()))}, the loop with {found[2, 2]:g}, and read as a {type(again).__name__}", end=" ")
    print(f"of {again.num_edges()} edges ({graph.num_edges()}) with {set(again.edges())}")
    if np.array_equal(found, right):
        raise SystemExit("changed: weights are written")
    ones = (right > 0).astype(float)
    ones[2, 2] = 2 if kind is rx.PyGraph else 1
    assert np.array_equal(found, ones), "changed: what is written"
    assert type(again) is rx.PyDiGraph and set(again.edges()) == {None}, "changed: what is read of it"

# Reading.
matrix = coo_array(nx.to_numpy_array(nx.Graph([(0, 1, {"weight": 2.5}), (1, 2, {"weight": 0.25}), (2, 2, {"weight": 4.0})])))
mmwrite(PATH, matrix, field="real", symmetry="symmetric")
assert np.array_equal(mmread(PATH).toarray(), matrix.toarray())
peer = nx.from_scipy_sparse_array(mmread(PATH))
found = rx.read_matrix_market_file(PATH)
degrees = [found.degree(node) for node in range(3)]
print(f"a symmetric matrix of three edges: {found.num_edges()} edges, degrees {degrees}; NetworkX {peer.number_of_edges()},", end=" ")
print(f"{[degree for _, degree in sorted(peer.degree())]}")
if found.num_edges() == peer.number_of_edges() or set(found.edges()) != {None}:
    raise SystemExit("changed: edges of a symmetric matrix")
pairs = sorted(tuple(sorted(edge)) for edge in found.edge_list())
assert type(found) is rx.PyGraph and pairs == [(0, 1), (0, 1), (1, 2), (1, 2), (2, 2)], "changed: each edge twice"
for field in ("integer", "pattern"):
    mmwrite(PATH, (matrix * 4).astype(int), field=field, symmetry="symmetric")
    assert refused(rx.read_matrix_market_file, PATH), f"changed: {field}"
    print(f"the same with field {field}: refused")
print("as described: no weights, loops twice, and each edge of a symmetric matrix twice")
PYTHON
