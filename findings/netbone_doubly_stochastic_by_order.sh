#!/usr/bin/env bash
# netbone 0.2.3, doubly_stochastic, whose graphs are undirected.
#
# Expected: the matrix of the weights, scaled until all rows and columns sum up to 1 (Slater 2009), which of an undirected
#   graph is symmetric: an edge has one score, and every edge has one, whichever of its ends comes first.
# Real: the matrix is made of the list of edges, each in the one place that its ends are listed in. It is that of a directed
#   graph, its rows are the nodes that come first somewhere and its columns those that come second, and it need not even
#   be square. The scores are those of this matrix. And an edge that is listed with the larger end first is thrown away.
# Why it matters: NetworkX lists the end first that was added first, so that the backbone depends on the order of the nodes.
#   Once those of the core of the karate club are shuffled 22 of its 55 edges are gone, with whatever threshold, and the
#   others have other scores. A list with both directions has the right ones. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.0 pandas==2.2.2 networkx==2.8.8 statsmodels==0.14.0 \
  matplotlib==3.9.4 seaborn==0.13.2 igraph==0.11.8 python-louvain==0.16
"$folder/venv/bin/pip" install --quiet --no-deps netbone==0.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import netbone
import networkx as nx
import numpy as np
import pandas as pd


def scores(data):
    graph = netbone.doubly_stochastic(data).graph
    return {(min(u, v), max(u, v)): score for u, v, score in graph.edges(data="score")}


def right(graph):
    """The scaled matrix of the weights, to which the library adds 0.0001."""
    nodes = sorted(graph)
    matrix = nx.to_numpy_array(graph, nodelist=nodes) + 0.0001
    for _ in range(20000):
        matrix /= matrix.sum(axis=1, keepdims=True)
        matrix /= matrix.sum(axis=0, keepdims=True)
    return {(min(u, v), max(u, v)): matrix[nodes.index(u), nodes.index(v)] for u, v in graph.edges}


def apart(first, second):
    return max(abs(first[edge] - second[edge]) for edge in first)


club = nx.karate_club_graph()
club.remove_nodes_from([n for n in list(club) if club.degree[n] < 3])  # with which the scaling takes long
truth = right(club)
lists = pd.DataFrame([(u, v, w) for a, b, w in club.edges(data="weight") for u, v in ((a, b), (b, a))])
lists.columns = ["source", "target", "weight"]
assert len(scores(lists)) == len(truth) and apart(scores(lists), truth) < 1e-3, "changed: a list with both directions"

results = {}
for name, order in (("as they are", sorted(club)), ("shuffled", random.Random(0).sample(sorted(club), len(club)))):
    graph = nx.Graph()
    graph.add_nodes_from(order)
    graph.add_edges_from(club.edges(data=True))
    found = results[name] = scores(graph)
    frame = nx.to_pandas_edgelist(graph)
    shape = frame["source"].nunique(), frame["target"].nunique()
    print(f"nodes {name}: a matrix of {shape[0]} by {shape[1]}, {len(found)} of {len(club.edges)} edges,", end=" ")
    print(f"scores off by up to {apart(found, truth):.3f}")
    if len(found) == len(truth) and apart(found, truth) < 1e-3:
        raise SystemExit("changed: the scores are those of the undirected graph")
    assert set(found) == {(u, v) for u, v in zip(frame["source"], frame["target"]) if u < v}, "changed: what is kept"
both = set(results["as they are"]) & set(results["shuffled"])
change = max(abs(results["as they are"][edge] - results["shuffled"][edge]) for edge in both)
print(f"the same edge in both orders differs by up to {change:.3f}")
assert len(truth) - len(results["shuffled"]) == 22 and change > 0.1, "changed: the order of the nodes"
print("as described: the matrix is that of the order in which the nodes were added")
PYTHON
