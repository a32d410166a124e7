#!/usr/bin/env bash
# littleballoffur 2.3.1, DepthFirstSearchSampler.
#
# Expected: a sample of a graph is a part of it, nodes of the graph and edges of the graph, as the samplers beside it
#   give it. A depth-first search that has come to an end goes back and on from where it can.
# Real: the nodes are joined one after the other in the order in which they were visited. Where the search went back,
#   the node after that is no neighbour of the one before, and the sample has an edge that the graph has not. Of a star
#   the sample is a path through its leaves. Nothing is said.
# Why it matters: a sample of a tree has as many false edges as the search had dead ends, and one of a social or a
#   citation network, with its many nodes of degree one, is full of them; degrees are cut to two. What is trained or
#   measured on it sees friendships and citations that there are not. get_subgraph of the sample's nodes is a real part.
# The library is installed without its bounds on other packages here, which have no wheels for today's Python.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 networkit==11.3
"$folder/venv/bin/pip" install --quiet pandas==2.3.3 six==1.17.0 tqdm==4.70.1 python-louvain==0.16
"$folder/venv/bin/pip" install --quiet --no-deps littleballoffur==2.3.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
from littleballoffur import (
    BreadthFirstSearchSampler,
    DepthFirstSearchSampler,
    RandomEdgeSampler,
    RandomWalkSampler,
)


def false_edges(graph, sample):
    return sum(not graph.has_edge(*edge) for edge in sample.edges)


tree = nx.convert_node_labels_to_integers(nx.random_labeled_tree(300, seed=0))
graphs = {
    "star": nx.star_graph(200),
    "random tree": tree,
    "preferential attachment": nx.barabasi_albert_graph(300, 1, seed=0),
    "cycle": nx.cycle_graph(300),
}
for name, graph in graphs.items():
    counts = []
    for seed in range(5):
        sample = DepthFirstSearchSampler(number_of_nodes=60, seed=seed).sample(graph)
        assert set(sample) <= set(graph) and len(sample) == 60 and sample.size() == 59, "changed: its size"
        assert max(degree for _, degree in sample.degree) <= 2, "changed: it is no path"
        counts.append(false_edges(graph, sample))
    print(f"{name}: of the 59 edges of a sample {counts} are not in the graph")
    if name == "cycle":
        assert max(counts) <= 1, "changed: the control"
    elif max(counts) == 0:
        raise SystemExit("changed: the edges of a sample are edges of the graph")
    else:
        assert min(counts) > 10, "changed: how many"
for sampler in (BreadthFirstSearchSampler(60), RandomWalkSampler(60), RandomEdgeSampler(60)):
    wrong = false_edges(tree, sampler.sample(tree))
    print(f"{type(sampler).__name__} on the random tree: {wrong}")
    assert wrong == 0, "changed: the other samplers"
print("as described: the nodes of the search are joined in the order of their visits")
PYTHON
