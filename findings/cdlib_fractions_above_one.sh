#!/usr/bin/env bash
# CDlib 0.4.1, evaluation.avg_odf and evaluation.max_odf.
#
# Expected: the mean and the largest out-degree fraction of a community, by the formulas of their pages: of each node
#   the edges that leave the community, divided by the degree of the node. It lies between 0 and 1.
# Real: nothing is divided. What comes back are the mean and the largest number of edges that leave, whatever the
#   degrees are; conductance and flake_odf beside them are fractions. Nothing is said, and in sparse graphs with few
#   edges between communities the means lie between 0 and 1 as well.
# Why it matters: a hub with two of its 42 edges outside, which is far inside, is the worst node of its community,
#   and a leaf with one of its two edges outside is better. Algorithms are ranked by these values, over graphs whose
#   degrees differ, too, and none can be set beside those of a paper.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet cdlib==0.4.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from cdlib import NodeClustering, evaluation

karate = nx.Graph(nx.karate_club_graph().edges)
clubs = nx.get_node_attributes(nx.karate_club_graph(), "club")
halves = [[node for node in karate if clubs[node] == club] for club in ("Mr. Hi", "Officer")]
hub = nx.disjoint_union(nx.star_graph(40), nx.cycle_graph(6))  # the hub has two more edges, a leaf one, to the ring
hub.add_edges_from([(0, 41), (0, 42), (40, 43)])
parts = [list(range(41)), list(range(41, 47))]

for name, graph, communities in (("karate club", karate, halves), ("a star and a ring", hub, parts)):
    clustering = NodeClustering(communities, graph, name)
    for measure, gather in ((evaluation.avg_odf, np.mean), (evaluation.max_odf, np.max)):
        found = measure(graph, clustering, summary=False)
        leaving = [[sum(near not in part for near in graph[node]) for node in part] for part in communities]
        degrees = [[graph.degree(node) for node in part] for part in communities]
        right = [gather(np.divide(out, degree)) for out, degree in zip(leaving, degrees)]
        print(f"{name}, {measure.__name__}: {np.round(found, 3)}, by its page {np.round(right, 3)}")
        assert "d(u)" in measure.__doc__, "changed: the formula"
        if np.allclose(found, right):
            raise SystemExit("changed: it is divided by the degree")
        assert np.allclose(found, [gather(out) for out in leaving]), "changed: what comes instead"
        assert name != "karate club" or gather is np.mean or max(found) > 1, "changed: above 1"
    cut = evaluation.conductance(graph, clustering, summary=False)
    flow = [sum(out) / sum(degree) for out, degree in zip(leaving, degrees)]
    assert np.allclose(cut, flow), "changed: the control"
inside, away = 2 / hub.degree(0), 1 / hub.degree(40)
print(f"the hub has {inside:.3f} of its edges outside and counts 2, the leaf {away:.3f} and counts 1")
assert inside < away, "changed: the example"
print("as described: edges that leave are counted and not divided")
PYTHON
