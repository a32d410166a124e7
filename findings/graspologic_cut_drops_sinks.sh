#!/usr/bin/env bash
# graspologic 3.4.4, preprocessing.cut_edges_by_weight of a directed graph with prune_isolates=True.
#
# Expected: "if true, remove any vertex that no longer has an edge", as the page says, beside the edges that are cut.
# Real: a vertex counts as having none where none goes out of it. One that lost an edge by the cut and has others that
#   come in is taken out with them, however heavy they are. In graphs without directions all is right.
# Why it matters: one asks for light edges to go and loses heavy ones: who is pointed at and points at nobody, the most
#   cited paper or the account that all pay to, vanishes as soon as one light edge goes to it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.1 networkx==3.4.2 scikit-learn==1.6.1
"$folder/venv/bin/pip" install --quiet graspologic==3.4.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from graspologic.preprocessing import cut_edges_by_weight


def cut(graph):
    return cut_edges_by_weight(graph, 1.0, "smaller_than_exclusive", prune_isolates=True)


def right(graph):
    kept = nx.edge_subgraph(graph, [(u, v) for u, v, weight in graph.edges(data="weight") if weight >= 1])
    return set(kept.edges)


papers = nx.DiGraph()
papers.add_weighted_edges_from([("b", "a", 9.0), ("c", "a", 9.0), ("d", "a", 0.1), ("c", "b", 2.0), ("d", "c", 2.0)])
found = cut(papers)
print(f"edges of weight 9, 9, 2, 2 and .1, cut below 1: left are {sorted(found.edges)}, right is {sorted(right(papers))}")
if set(found.edges) == right(papers):
    raise SystemExit("changed: the heavy edges stay")
assert "a" not in found and set(found.edges) == {("c", "b"), ("d", "c")}, "changed: what is left"
kept = cut_edges_by_weight(papers, 1.0, "smaller_than_exclusive")
assert set(kept.edges) == right(papers), "changed: the control, without pruning"

lost = total = 0
for seed in range(100):
    numbers = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(30, 0.15, seed=seed, directed=True)
    for sink in range(5):  # nodes that only receive, each with one light edge
        graph.remove_edges_from(list(graph.out_edges(sink)))
    graph.add_edges_from(nx.cycle_graph(range(5, 30), create_using=nx.DiGraph).edges)  # all others have one that goes out
    nx.set_edge_attributes(graph, {edge: 1 + numbers.random() for edge in graph.edges}, "weight")
    for sink in range(5):
        sources = [u for u, _ in graph.in_edges(sink)]
        if len(sources) > 1:
            graph.edges[sources[0], sink]["weight"] = 0.5
    whole, plain = right(graph), nx.Graph(graph)
    for u, v in plain.edges:
        plain.edges[u, v]["weight"] = max(graph.edges[e]["weight"] for e in ((u, v), (v, u)) if e in graph.edges)
    assert {frozenset(e) for e in cut(plain).edges} == {frozenset(e) for e in right(plain)}, "changed: the control"

    found = set(cut(graph).edges)
    light = {v for _, v, weight in graph.edges(data="weight") if weight < 1}
    instead = {(u, v) for u, v in whole if v not in light}
    assert found == instead, "changed: what comes instead"
    lost, total = lost + len(whole - found), total + len(whole)
print(f"100 random directed graphs: {lost} of {total} edges that are heavy enough are gone")
assert lost > 0.05 * total, "changed: how many are gone"
print("as described: vertices without an edge that goes out are taken out with those that come in")
PYTHON
