#!/usr/bin/env bash
# markov-clustering 0.0.6.dev0, modularity of an undirected graph.
#
# Expected: the modularity of a clustering, of "the adjacency matrix", as its docstring says: the share of the edges
#   within clusters, less the share that is expected from the degrees (Newman 2004). NetworkX gives that; one cluster of
#   all nodes has 0.
# Real: the degree of a node is taken to be the sum of its row and its column, which of a symmetric matrix is twice the
#   degree, and the product of two such is four times that of the degrees. And a node by itself is no pair, so that what
#   is expected of it is left out. One cluster of all nodes has next to -3. A matrix that is not symmetric is read row
#   by column, and lacks only the nodes by themselves. Nothing is said.
# Why it matters: it is there to compare clusterings, those of several inflations first of all. Every cluster counts
#   against a clustering, the larger the more, and nodes one by one have 0, which is more than good clusters have.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet --no-deps markov-clustering==0.0.6.dev0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import markov_clustering as mc
import networkx as nx
import numpy as np
from scipy.sparse import csc_matrix


def modularity(graph, clusters):
    return mc.modularity(csc_matrix(nx.to_numpy_array(graph, weight=None)), [tuple(cluster) for cluster in clusters])


def by_pairs(graph, clusters, factor):
    """Modularity without the nodes by themselves, with the expected part multiplied by a factor."""
    a = nx.to_numpy_array(graph, weight=None)
    m, leave, arrive = a.sum(), a.sum(axis=1), a.sum(axis=0)
    pairs = [(i, j) for cluster in clusters for i in cluster for j in cluster if i != j]
    return sum(a[i, j] - factor * leave[i] * arrive[j] / m for i, j in pairs) / m


karate = nx.karate_club_graph()
partitions = {
    "the two factions": [{n for n in karate if karate.nodes[n]["club"] == club} for club in ("Mr. Hi", "Officer")],
    "greedy communities": nx.community.greedy_modularity_communities(karate, weight=None),
    "the clusters of MCL": mc.get_clusters(mc.run_mcl(csc_matrix(nx.to_numpy_array(karate, weight=None)))),
    "one cluster": [set(karate)],
    "nodes one by one": [{n} for n in karate],
}
found, right = {}, {}
for name, clusters in partitions.items():
    found[name] = modularity(karate, clusters)
    right[name] = nx.community.modularity(karate, clusters, weight=None)
    print(f"karate club, {name}: {found[name]:.4f}, by NetworkX {right[name]:.4f}")
    assert np.isclose(found[name], by_pairs(karate, clusters, 4)), "changed: the factor"
if np.isclose(found["one cluster"], 0):
    raise SystemExit("changed: the modularity of one cluster")
best = [max(values, key=values.get) for values in (found, right)]
print(f"the best one: {best[0]}, by NetworkX {best[1]}")
assert best == ["nodes one by one", "greedy communities"], "changed: the best one"

for parts in (2, 4):  # cliques that nothing joins, in their own clusters: 1 - 1 / parts
    graph = nx.disjoint_union_all([nx.complete_graph(10)] * parts)
    clusters = list(nx.connected_components(graph))
    value = modularity(graph, clusters)
    print(f"{parts} cliques of ten apart: {value:.4f}, by definition {1 - 1 / parts:.4f}")
    assert np.isclose(value, by_pairs(graph, clusters, 4)) and value < 0.5 - 1 / parts, "changed: cliques"

graph = nx.gnp_random_graph(20, 0.2, seed=1, directed=True)
clusters = [set(range(10)), set(range(10, 20))]
value = modularity(graph, clusters)
print(f"a directed graph: {value:.4f}, by NetworkX {nx.community.modularity(graph, clusters):.4f}")
assert np.isclose(value, by_pairs(graph, clusters, 1)), "changed: directed graphs"
print("as described: four times what is expected is taken off")
PYTHON
