#!/usr/bin/env bash
# torch-geometric-signed-directed 1.2.0, utils.extract_network.
#
# Expected: what its page says: "the largest connected component", and of that only nodes of at least lowest_degree, two
#   by default. The result is connected, and every node in it has two neighbours or more.
# Real: max() compares the components as sets, by inclusion, and so takes the first one, that of node 0. And the numbers
#   of the nodes that stay are counted within that component, and then taken for numbers of the whole graph: the rows
#   that come back are the first ones of the whole matrix, whatever they are. Nodes of degree 0 and 1 are among them,
#   pieces are loose, and most of the large component is missing. Of a graph that is connected the result is right.
# Why it matters: it is there to clean data before clustering. Matrix and labels are cut by the same numbers and fit
#   together, so that nothing fails; isolated nodes stay, whose features are divided by a degree of 0, and with a single
#   stray node in front the graph to be studied is gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torch-geometric-signed-directed==1.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from torch_geometric_signed_directed.utils import extract_network


def by_words(graph):
    """The nodes of the largest component that are left when those of a degree below two are taken away in turn."""
    left = graph.subgraph(max(nx.weakly_connected_components(graph), key=len)).copy()
    while few := [node for node, degree in left.degree() if degree < 2]:
        left.remove_nodes_from(few)
    return sorted(left)


def shown(name, graph, right):
    size = len(graph)
    matrix = csr_matrix(nx.to_numpy_array(graph, nodelist=range(size)))
    found, kept = extract_network(matrix, np.arange(size))
    assert (found != matrix[kept][:, kept]).nnz == 0, "changed: the labels are of other nodes"
    part = nx.from_scipy_sparse_array(found, create_using=nx.DiGraph)
    degrees, pieces = [degree for _, degree in part.degree()], nx.number_weakly_connected_components(part)
    wanted = by_words(graph)
    print(f"{name}: {len(kept)} of {size} nodes, {pieces} pieces, smallest degree {min(degrees)};", end=" ")
    print(f"in the right ones, {len(wanted)}, are {len(set(wanted) & set(kept.tolist()))} of them")
    if (sorted(kept.tolist()) == wanted) != right:
        raise SystemExit("changed: which nodes are kept")
    return kept.tolist(), pieces, min(degrees)


def numbered(*parts):
    return nx.disjoint_union_all(parts)


large = nx.gnp_random_graph(60, 0.1, seed=2, directed=True)
assert nx.is_weakly_connected(large) and min(degree for _, degree in large.degree()) >= 2
triangle, pair = nx.DiGraph([(0, 1), (1, 2), (2, 0)]), nx.DiGraph([(0, 1)])
shown("connected", large, right=True)
shown("the largest component comes first", numbered(large, pair, triangle), right=True)
kept, *_ = shown("a triangle comes first", numbered(triangle, large), right=False)
assert kept == [0, 1, 2], "changed: it is the first component"
shown("a node without an edge comes first", numbered(nx.empty_graph(1, nx.DiGraph), large), right=False)

# A component whose nodes are not the first ones of the graph: numbers within it are taken for numbers of the whole.
mixed = numbered(large, *[pair] * 10)
order = np.random.default_rng(0).permutation(len(mixed))
kept, pieces, smallest = shown("ten pairs among it", nx.relabel_nodes(mixed, dict(enumerate(order.tolist()))), right=False)
assert pieces > 1 and smallest < 2, "changed: it is connected"
print("as described: the first component stands for the largest, and its numbers for those of the whole graph")
PYTHON
