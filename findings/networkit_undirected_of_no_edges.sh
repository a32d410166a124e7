#!/usr/bin/env bash
# NetworKit 11.3, graphtools.toUndirected of a directed graph with edges in both directions.
#
# Expected: "an undirected copy of the input graph": one edge for each pair that is joined, and numberOfEdges counts
#   them, as iterEdges goes through them.
# Real: the edges are right, and their number is not: each pair that is joined in both directions is taken off twice.
#   A graph in which every edge has its reverse has no edge by numberOfEdges, and checkConsistency says False.
# Why it matters: undirected graphs come as two directed edges from PyG, from matrices and from many files, and this is
#   the step that makes them undirected. Whatever is divided by the number of edges, modularity and density among them,
#   is another number without a word, the more so, the more edges are mutual: modularity below is more than twice as far
#   from 0. A graph that is made anew from iterEdges has the right number.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkit as nk
import networkx as nx
import numpy as np


def figures(graph, parts):
    partition = nk.structures.Partition(graph.numberOfNodes(), parts)
    return nk.graphtools.density(graph), nk.community.Modularity().getQuality(partition, graph)


caveman = nx.connected_caveman_graph(4, 6)
random = nx.gnp_random_graph(24, 0.3, seed=0, directed=True)
one_way = random.copy()
one_way.remove_edges_from([(u, v) for u, v in random.edges if u > v and random.has_edge(v, u)])
for name, graph in (
    ("one direction", one_way),
    ("some in both", random),
    ("all in both", caveman.to_directed()),
):
    both = sum(graph.has_edge(v, u) for u, v in graph.edges) // 2
    found = nk.graphtools.toUndirected(nk.nxadapter.nx2nk(graph))
    right = graph.to_undirected()
    edges = {tuple(sorted(edge)) for edge in found.iterEdges()}
    assert edges == {tuple(sorted(edge)) for edge in right.edges}, "changed: the edges"
    assert [found.degree(node) for node in range(24)] == [right.degree(node) for node in range(24)], "changed: the degrees"
    parts = [node // 6 for node in range(24)]
    communities = [set(range(first, first + 6)) for first in range(0, 24, 6)]
    wanted = nx.density(right), nx.community.modularity(right, communities)
    anew = nk.Graph(24)
    for edge in found.iterEdges():
        anew.addEdge(*edge)
    assert anew.numberOfEdges() == len(edges) and np.allclose(figures(anew, parts), wanted), "changed: the control"
    print(f"{name}: {found.numberOfEdges()} of {len(edges)} edges, consistent: {found.checkConsistency()};", end=" ")
    print(f"density {nk.graphtools.density(found):.3f} ({wanted[0]:.3f})", end="")
    if found.numberOfEdges():
        print(f", modularity {figures(found, parts)[1]:.3f} ({wanted[1]:.3f})", end="")
        assert np.allclose(figures(found, parts), wanted) == (both == 0), "changed: density and modularity"
    print()
    if (found.numberOfEdges() == len(edges)) != (both == 0):
        raise SystemExit("changed: the number of edges")
    assert found.numberOfEdges() == len(edges) - both, "changed: by how much"
    assert found.checkConsistency() == (both == 0), "changed: whether it is consistent"
print("as described: a pair in both directions is no edge in the count")
PYTHON
