#!/usr/bin/env bash
# TopoNetX 0.2.0, incidence_matrix, hodge_laplacian_matrix, dirac_operator_matrix and normalized_laplacian_matrix with
# weight=.
#
# Expected: what their pages say of weight: "the name of the simplex attribute to use as weights", or of the cell; "if
#   None, the matrix is binary". On a graph, a complex of rank 1, the Laplacian of rank 0 is then that of NetworkX with
#   the same weight=.
# Real: the argument is handed on to incidence_matrix and looked at nowhere: with any name, that of an attribute or of
#   none, the matrix is the one without weights, of simplicial as of cell complexes. Nothing is said. The up and down
#   Laplacians beside them, which the Hodge Laplacian is the sum of, refuse it in words.
# Why it matters: weights are distances, flows, similarities or counts of papers, and Hodge Laplacians of them are what
#   topological networks diffuse by. An experiment with weights is the experiment without, to the last digit; a misspelt
#   name is not noticed either. (Issue 245 keeps track of what is to be weighted; issue 426 asks for a weighted adjacency
#   in the belief that the Hodge Laplacian is.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet toponetx==0.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import toponetx as tnx

graph = nx.cycle_graph(5)
graph.add_edge(0, 2)
nx.set_edge_attributes(graph, {edge: 1.5 + edge[1] for edge in graph.edges}, "weight")
simplicial, cells = tnx.SimplicialComplex(), tnx.CellComplex()
for u, v, weight in sorted(graph.edges(data="weight")):
    simplicial.add_simplex([u, v], weight=weight)
    cells.add_edge(u, v, weight=weight)
    assert simplicial[(u, v)]["weight"] == cells[(u, v)]["weight"] == weight, "changed: the attribute"
right = nx.laplacian_matrix(graph, nodelist=range(5), weight="weight").toarray()
plain = nx.laplacian_matrix(graph, nodelist=range(5), weight=None).toarray()
assert np.abs(right - plain).max() > 1

simplicial.add_simplex([0, 1, 2], weight=7.0)
cells.add_cell([0, 1, 2], rank=2, weight=7.0)
for made in (simplicial, cells):
    for name, arguments in (
        ("incidence_matrix", (1,)),
        ("incidence_matrix", (2,)),
        ("hodge_laplacian_matrix", (0,)),
        ("hodge_laplacian_matrix", (1,)),
        ("dirac_operator_matrix", ()),
        ("normalized_laplacian_matrix", (1,)),
    ):
        method = getattr(made, name, None)
        if method is None:
            continue
        assert "to use as weights" in " ".join(method.__doc__.split()), "changed: the words"
        without = method(*arguments).toarray()
        found = [method(*arguments, weight=attribute).toarray() for attribute in ("weight", "no such attribute")]
        change = max(np.abs(matrix - without).max() for matrix in found)
        print(f"{type(made).__name__}.{name}{arguments}: weights change it by {change:g}")
        if change != 0:
            raise SystemExit("changed: weights count")
    nodes = [made.hodge_laplacian_matrix(0, weight=attribute).toarray() for attribute in ("weight", None)]
    assert all(np.allclose(matrix, plain) for matrix in nodes), "changed: the Laplacian of a graph"
    print(f"  of rank 0 the diagonal is {nodes[0].diagonal().tolist()}, with weights {right.diagonal().tolist()}")
    for name in ("up_laplacian_matrix", "down_laplacian_matrix"):
        try:
            getattr(made, name)(1, weight="weight")
        except ValueError as error:
            print(f"  {name}: {error}")
        else:
            raise SystemExit("changed: which matrices refuse weights")
print("as described: the argument is not looked at")
PYTHON
