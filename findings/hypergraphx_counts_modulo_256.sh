#!/usr/bin/env bash
# hypergraphx 1.8.0, Hypergraph.adjacency_matrix (linalg.adjacency_matrix).
#
# Expected: for two nodes the number of hyperedges that both are in, which is what the product of the incidence matrix
#   and its transpose has.
# Real: the incidence matrix is made of uint8, and SciPy multiplies it in uint8: counts are those modulo 256. Two people
#   with 300 papers in common have 44, and two with 256 have 0. Nothing is said. adjacency_matrix_by_order,
#   which multiplies by the weights first, counts right, so that the two disagree.
# Why it matters: the pairs that are cut are the strongest: heavy co-authors, parliamentarians, words and tags. They
#   lose their rank to weak pairs or their edge altogether; subhypergraph_centrality and the adjacency of each moment
#   of a temporal hypergraph come from this matrix. incidence.astype(int) before the product is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet hypergraphx==1.8.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import hypergraphx as hgx
import numpy as np
from hypergraphx.linalg import adjacency_matrix, adjacency_matrix_by_order, binary_incidence_matrix


def papers(count):
    """Persons 0 and 1 write `count` papers with a third one each, a new one every time; persons 0 and 2 write ten."""
    third = [3 + k for k in range(count + 10)]
    return hgx.Hypergraph([(0, 1, k) for k in third[:count]] + [(0, 2, k) for k in third[count:]])


for count in (100, 255, 256, 300, 515):
    graph = papers(count)
    matrix, mapping = adjacency_matrix(graph, return_mapping=True)
    place = {node: row for row, node in mapping.items()}
    incidence = binary_incidence_matrix(graph).toarray().astype(int)
    right = incidence @ incidence.T
    np.fill_diagonal(right, 0)
    found = matrix.toarray().astype(int)
    pair = place[0], place[1]
    print(f"{count} papers together: {found[pair]} by adjacency_matrix ({matrix.dtype}),", end=" ")
    print(f"{right[pair]} by the product; 10 with somebody else: {found[place[0], place[2]]}")
    assert right[pair] == count == sum({0, 1} <= set(edge) for edge in graph.get_edges()), "changed: the edges"
    if count > 255 and found[pair] == count:
        raise SystemExit("changed: all are counted")
    assert (found == right % 256).all(), "changed: modulo 256"
    by_order = adjacency_matrix_by_order(graph, 2).toarray()
    assert (by_order == right).all(), "changed: by order"
degrees = adjacency_matrix(papers(300)).astype(int).sum(axis=0)
print(f"300 papers: the rows sum up to {degrees[:2].tolist()}, with all of them to {[2 * 310, 2 * 300]}")
assert degrees[1] == 2 * 300 - 256, "changed: the sums of the rows"
print("as described: counts are cut at 256")
PYTHON
