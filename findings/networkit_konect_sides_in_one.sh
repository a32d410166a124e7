#!/usr/bin/env bash
# NetworKit 11.3, readGraph of a KONECT file of a bipartite network (% bip).
#
# Expected: the two columns are nodes of the two sides, each numbered from 1 on, and the second line of the file has the
#   numbers of edges, of nodes of the first and of nodes of the second side, as the handbook that its page refers to has
#   it. The graph has as many nodes as both sides together, no loop and no odd cycle.
# Real: bip is accepted and read as sym: node 1 of the one side and node 1 of the other are one node. Who rated film 7 is
#   film 7, and the first user who rates the first film has a loop. Where the file has the second line an error is
#   logged, that the number of nodes is not that of the file, and the graph comes all the same; without it nothing is said.
# Why it matters: many networks of KONECT are bipartite, users and things, authors and papers. The graph that comes has other degrees,
#   distances and components, and is not bipartite: users who have nothing in common are joined by a film that has the
#   number of one of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - "$folder/out.ratings" 2>/dev/null <<'PYTHON'
import random
import sys

import networkit as nk
import networkx as nx

PATH = sys.argv[1]


def found(edges, head, sizes=None):
    with open(PATH, "w") as file:
        file.write(f"% {head} unweighted\n")
        if sizes:
            file.write("% {} {} {}\n".format(*sizes))
        file.writelines(f"{u} {v}\n" for u, v in edges)
    return nk.nxadapter.nk2nx(nk.readGraph(PATH, nk.Format.KONECT))


def right(edges):
    return nx.Graph([(("left", u), ("right", v)) for u, v in edges])


def shown(graph):
    loops, parts = nx.number_of_selfloops(graph), nx.number_connected_components(graph)
    bipartite = "bipartite" if nx.is_bipartite(graph) else "not bipartite"
    return f"{len(graph)} nodes, {loops} loops, {parts} components, {bipartite}"


# two users who have no film in common
small = [(1, 1), (1, 2), (2, 3)]
print("two users, three films:", shown(found(small, "bip", (3, 2, 3))), "- right is", shown(right(small)))
if nx.is_bipartite(found(small, "bip")):
    raise SystemExit("changed: the sides are told apart")
assert nx.utils.graphs_equal(found(small, "bip"), found(small, "sym")), "changed: bip is not sym"

numbers = random.Random(0)
counts = {"nodes": [0, 0], "components": [0, 0], "bipartite": [0, 0]}
for _ in range(100):
    edges = [(u, v) for u in range(1, 9) for v in range(1, 13) if numbers.random() < 0.15]
    left, both = max(u for u, _ in edges), max(max(edge) for edge in edges)
    graphs = found(edges, "bip"), right(edges)
    assert set(graphs[0].edges) | {e[::-1] for e in graphs[0].edges} == {
        pair for u, v in edges for pair in ((u - 1, v - 1), (v - 1, u - 1))
    }, "changed: what comes instead"
    for graph, side in zip(graphs, (0, 1)):
        graph = graph.edge_subgraph(graph.edges)
        counts["nodes"][side] += len(graph)
        counts["components"][side] += nx.number_connected_components(graph)
        counts["bipartite"][side] += nx.is_bipartite(graph)
for name, (own, truth) in counts.items():
    print(f"100 random networks: {name} {own}, right is {truth}")
assert counts["bipartite"][0] < 10 and counts["bipartite"][1] == 100, "changed: the random networks"
print("as described: nodes of both sides with the same number are one")
PYTHON
