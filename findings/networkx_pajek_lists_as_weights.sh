#!/usr/bin/env bash
# networkx 3.6.1, read_pajek (and parse_pajek) of files with *Arcslist or *Edgeslist, or with *Edges and *Arcs.
#
# Expected: a line "1 2 3" of *Arcslist is an arc from 1 to 2 and one from 1 to 3, as the format has it and igraph reads
#   it. Of a file with *Edges and *Arcs the first join both ways and the others one way; a comment in the code says that
#   the graph is switched to directed, "with multiple arcs for each existing edge".
# Real: *Arcslist begins as *Arcs does and is read as that: "1 2 3" is one arc from 1 to 2 of weight 3, the numbers of
#   further nodes are dropped, and a line "1 2" has no weight. And the first section is read to the end of the file, over
#   the heads of the next: all that follows is of its kind. Arcs after edges go both ways, edges after arcs one way.
# Why it matters: Pajek writes both, and they are in its collections. Of a star of n leaves, a single
#   line, one edge is left, whose weight is the name of a node; the shortest paths, degrees and ranks of a mixed network
#   are those of another one. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet networkx==3.6.1 igraph==1.0.0
"$folder/venv/bin/python" -W ignore - "$folder/graph.net" <<'PYTHON'
import random
import sys

import igraph as ig
import networkx as nx

PATH = sys.argv[1]


def written(n, *sections):
    with open(PATH, "w") as file:
        file.write(f"*Vertices {n}\n" + "".join(f'{i} "{i}"\n' for i in range(1, n + 1)))
        for head, lines in sections:
            file.write(head + "\n" + "".join(" ".join(map(str, line)) + "\n" for line in lines))


def found():
    graph = nx.read_pajek(PATH)
    return graph.is_directed(), sorted((int(u), int(v)) for u, v in graph.edges())


def peer():
    graph = ig.Graph.Read_Pajek(PATH)
    return graph.is_directed(), sorted((u + 1, v + 1) for u, v in graph.get_edgelist())


# lists
written(4, ("*Arcslist", [(1, 2, 3, 4)]))
graph = nx.read_pajek(PATH)
print("the line 1 2 3 4 of *Arcslist:", list(graph.edges(data=True)), "by igraph:", peer()[1])
assert peer() == (True, [(1, 2), (1, 3), (1, 4)]), "changed: the control"
if found() == peer():
    raise SystemExit("changed: lists are read")
assert list(graph.edges(data=True)) == [("1", "2", {"weight": 3.0})], "changed: what comes instead"
written(4, ("*Arcs", [(1, 2, 1), (1, 3, 1), (1, 4, 1)]))
assert found() == peer() == (True, [(1, 2), (1, 3), (1, 4)]), "changed: arcs one by one"

numbers = random.Random(0)
counts = {"*Arcslist": [0, 0], "*Edgeslist": [0, 0]}
for _ in range(100):
    for head, count in counts.items():
        lines = [[i, *(j for j in range(i + 1, 11) if numbers.random() < 0.3)] for i in range(1, 10)]
        written(10, (head, [line for line in lines if len(line) > 1]))
        right = [(line[0], j) for line in lines for j in line[1:]]
        assert peer() == (head == "*Arcslist", right), "changed: the control"
        assert found()[1] == [(line[0], line[1]) for line in lines if len(line) > 1], "changed: the first of a line"
        count[0] += len(found()[1])
        count[1] += len(right)
for head, (some, all_of_them) in counts.items():
    print(f"100 random graphs by {head}: {some} of {all_of_them} edges")

# sections: 1-2 both ways, 2 to 3
EDGES, ARCS = ("*Edges", [(1, 2, 1)]), ("*Arcs", [(2, 3, 1)])
for name, sections, both in (("edges, then arcs", (EDGES, ARCS), True), ("arcs, then edges", (ARCS, EDGES), False)):
    written(3, *sections)
    graph = nx.read_pajek(PATH)
    ways = [nx.has_path(graph, *pair) for pair in (("1", "2"), ("2", "1"), ("2", "3"), ("3", "2"))]
    print(f"{name}: from 1 to 2 and back {ways[:2]}, from 2 to 3 and back {ways[2:]}; right is [True, True], [True, False]")
    assert ways == ([True] * 4 if both else [True, False, True, False]), "changed: sections"
print("as described: nodes of a list are weights, and the first section is the kind of all")
PYTHON
