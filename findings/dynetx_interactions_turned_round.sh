#!/usr/bin/env bash
# dynetx 0.3.2, DynDiGraph.interactions and DynDiGraph.time_slice.
#
# Expected: all interactions, "in the order (node, neighbor)" and "for directed graphs this returns the out-interaction",
#   as the page says; its example has (0, 1) for what was added from 0 to 1. has_interaction, successors and
#   out_interactions have that.
# Real: without a t each comes the other way round, (1, 0) for 0 to 1; with a t it is right. And as in the undirected graph
#   a neighbour that had its turn is left out: what goes to a node that was added earlier does not come at all, with a t
#   and without. time_slice, which is made of the list, has the same of both.
# Why it matters: who wrote to whom is what directed interactions are of. What is exported, sliced or counted from the list
#   has senders for receivers, no answers, and of a random graph one half. size and number_of_interactions of the same
#   graph count all, and nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1 tqdm==4.70.1 future==1.0.0 decorator==5.3.1
"$folder/venv/bin/pip" install --quiet --no-deps dynetx==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import dynetx as dn


def made(triples):
    graph = dn.DynDiGraph()
    for u, v, t in sorted(triples, key=lambda triple: triple[2]):
        graph.add_interaction(u, v, t=t)
    return graph


def pairs(interactions):
    return sorted(interaction[:2] for interaction in interactions)


example = made([(0, 1, 0), (2, 3, 1)])
print("the page's example, 0 to 1 and 2 to 3:", pairs(example.interactions()))
assert example.has_interaction(0, 1) and not example.has_interaction(1, 0) and example.successors(0) == [1]
if pairs(example.interactions()) == [(0, 1), (2, 3)]:
    raise SystemExit("changed: the order of the ends")
assert pairs(example.interactions()) == [(1, 0), (3, 2)], "changed: what comes instead"
assert pairs(example.interactions(t=0)) == [(0, 1)], "changed: with a t"

letters = made([("ann", "bob", 0), ("bob", "ann", 0), ("cleo", "ann", 0)])
found = pairs(letters.interactions(t=0))
print("ann to bob, bob to ann and cleo to ann, at t = 0:", found, "of a size of", letters.size())
assert letters.size() == 3 and len(letters.out_interactions(t=0)) == 3 and letters.has_interaction("cleo", "ann", 0)
assert found == [("ann", "bob")], "changed: what goes to a node added earlier"

numbers = random.Random(0)
total, listed, turned, sliced = 0, 0, 0, 0
for _ in range(100):
    right = {(u, v) for u in range(8) for v in range(8) if u != v and numbers.random() < 0.3}
    graph = made([(u, v, 0) for u, v in sorted(right)])
    assert pairs(graph.out_interactions()) == sorted(right), "changed: the control"
    turn = {node: number for number, node in enumerate(graph.nodes())}
    later = {(u, v) for u, v in right if turn[u] < turn[v]}
    found = set(pairs(graph.interactions()))
    assert found == {(v, u) for u, v in later}, "changed: what is listed"
    assert set(pairs(graph.interactions(t=0))) == later, "changed: what is listed at a time"
    total, listed, turned = total + len(right), listed + len(found), turned + len(found - right)
    part = graph.time_slice(0)
    sliced += sum(part.has_interaction(u, v) for u, v in right)
print(f"100 random graphs: {total} interactions, {listed} listed, {turned} of them where there is none that way", end="; ")
print(f"a slice of all times has {sliced} of them")
assert turned > listed / 2 and listed < 0.6 * total and sliced < total / 2, "changed: the counts"
print("as described: interactions come the other way round, and none to a node added earlier")
PYTHON
