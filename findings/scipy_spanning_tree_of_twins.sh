#!/usr/bin/env bash
# scipy 1.17.1, scipy.sparse.csgraph.minimum_spanning_tree with edges of weight 0.
#
# Expected: a stored 0 in a sparse matrix is an edge of length 0, as the page of csgraph says of sparse
#   input and as dijkstra and connected_components have it: the tree of n joined nodes has n - 1 edges.
# Real: edges of length 0 are used to build the tree and then cleared away from it: the result has fewer
#   edges, and what was one component falls into several. Its own note, that a 0 is no edge, does not hold
#   either: the tree below would then have the edges of lengths 5 and 3.
# Why it matters: points that occur twice, in single linkage, in clustering by density or in topology,
#   have distance 0; whoever cuts the tree, counts its edges or walks along it loses them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/python" - <<'PYTHON'
import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree

found = {}
for short in (0.0, 1e-300):
    row, col, length = [0, 1, 0], [1, 2, 2], np.array([short, 5.0, 3.0])
    graph = csr_array((length, (row, col)), shape=(3, 3))
    peer = nx.Graph()
    peer.add_weighted_edges_from(zip(row, col, length, strict=True))
    assert connected_components(graph, directed=False)[0] == 1
    assert dijkstra(graph, directed=False)[0, 1] == short  # the edge is there for the others
    tree = minimum_spanning_tree(graph)
    parts = connected_components(tree, directed=False)[0]
    found[short] = tree.nnz, parts, tree.sum(), nx.minimum_spanning_tree(peer).number_of_edges()
    print(
        f"length {short}: a tree of {tree.nnz} edges and length {tree.sum()} in {parts} part(s); "
        f"that of networkx has {found[short][3]} edges"
    )
assert found[1e-300] == (2, 1, 3.0, 2), "changed: the control"
if found[0.0] != (1, 2, 3.0, 2):
    raise SystemExit("changed: edges of length 0 stay in the tree")
print("as described: edges of length 0 are lost from the tree")
PYTHON
