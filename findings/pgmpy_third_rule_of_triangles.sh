#!/usr/bin/env bash
# pgmpy 1.1.2, base.PDAG.apply_meeks_rules.
#
# Expected: the rules of Meek (1995), whom it is called after: an edge is turned where no directed graph with the same
#   edges and the same unshielded colliders has it the other way. The third: x - y, x - z and x - w, with y -> w and z
#   -> w, give x -> w, where y and z are not joined. w -> x would close cycles unless y -> x and z -> x, and those two
#   would be a new collider.
# Real: it is not asked whether y and z are joined. Where they are, y -> x <- z is no unshielded collider, w -> x is as
#   good as x -> w, and x -> w is turned all the same.
# Why it matters: PC ends with it, and whoever brings what is known of some directions to a pattern calls it. What is
#   handed back is sure of an effect that may as well be a cause, and graphs of the class are no longer in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.0.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scikit-base==1.2.0 opt_einsum==3.4.0 huggingface_hub==2.4.0
"$folder/venv/bin/pip" install --quiet pgmpy==1.1.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
from itertools import combinations, product

import networkx as nx
from pgmpy.base import PDAG


def colliders(edges, joined):
    pairs = ((u, v, w) for (u, w), (v, x) in product(edges, repeat=2) if w == x and u < v)
    return {(u, v, w) for u, v, w in pairs if {u, v} not in joined}


def extensions(directed, undirected):
    """All directed graphs that have the directed edges, turn the others, and have no cycle and no new collider."""
    joined = [set(edge) for edge in [*directed, *undirected]]
    kept = colliders(directed, joined)
    for turned in product([False, True], repeat=len(undirected)):
        edges = set(directed) | {edge[::-1] if turn else edge for edge, turn in zip(undirected, turned)}
        if colliders(edges, joined) == kept and nx.is_directed_acyclic_graph(nx.DiGraph(list(edges))):
            yield edges


def found(directed, undirected):
    graph = PDAG(directed_ebunch=directed, undirected_ebunch=undirected)
    return set(graph.apply_meeks_rules(apply_r4=True).directed_edges)


directed = [("y", "w"), ("z", "w")]
undirected = [("x", "y"), ("x", "z"), ("x", "w")]
print("y -> w, z -> w and x beside all of them:")
for rest in ([], [("y", "z")]):
    graphs = list(extensions(directed, undirected + rest))
    both = [sum(edge in graph for graph in graphs) for edge in (("x", "w"), ("w", "x"))]
    result = found(directed, undirected + rest)
    print(f"   y and z {'joined' if rest else 'apart'}: x -> w in {both[0]} graphs, w -> x in {both[1]};", end=" ")
    print("x -> w is", "turned" if ("x", "w") in result else "left")
    assert both[0] and bool(both[1]) == bool(rest), "the oracle"
    if rest and ("x", "w") not in result:
        raise SystemExit("changed: joined nodes are left alone")
    assert ("x", "w") in result, "changed: the control"

numbers = random.Random(0)
wrong = total = 0
for _ in range(400):
    edges = [pair for pair in combinations("abcde", 2) if numbers.random() < 0.7]
    joined = [set(edge) for edge in edges]
    ends = {(u, w) for u, v, w in colliders(edges, joined)} | {(v, w) for u, v, w in colliders(edges, joined)}
    known = sorted(edge for edge in edges if edge in ends or numbers.random() < 0.3)
    open_edges = [edge for edge in edges if edge not in known]
    if not open_edges:
        continue
    right = set.intersection(*extensions(known, open_edges))
    result = found(known, open_edges)
    assert right <= result, "changed: an edge that must be turned is left"
    wrong, total = wrong + (result != right), total + 1
print(f"{total} patterns with some directions known: {wrong} have edges turned that can go both ways")
assert wrong > 5, "changed: the count"
print("as described: the third rule is applied to neighbours that are joined")
PYTHON
