#!/usr/bin/env bash
# dynetx 0.3.2, DynGraph.time_slice.
#
# Expected: "nodes and interactions present in [t_from, t_to]", as its page says, both ends included: time_slice(0), whose
#   t_to is 0, has those of snapshot 0, and has_interaction of the slice is that of the graph at each of these times.
# Real: the end of an interaction is handed to add_interaction as the time at which it vanishes, one after the last. Each
#   interaction loses its last snapshot. One of a single snapshot, as most of data with time stamps are, ends before it
#   begins: it is in the list that has no times, and at no time.
# Why it matters: a slice of one snapshot is empty at that snapshot, and so is every slice of messages, contacts or calls.
#   What is computed over the times of a slice, degrees, densities and paths, misses them, and what looks at the flat
#   graph has all of them, so that nothing seems to be lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1 tqdm==4.70.1 future==1.0.0 decorator==5.3.1
"$folder/venv/bin/pip" install --quiet --no-deps dynetx==0.3.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
from itertools import combinations

import dynetx as dn

TIMES = range(6)


def present(graph):
    """The snapshots of each interaction."""
    pairs = combinations(sorted(graph.nodes()), 2)
    return {(u, v, t) for u, v in pairs for t in TIMES if graph.has_interaction(u, v, t)}


contact = dn.DynGraph()
contact.add_interaction("ann", "bob", t=2)
part = contact.time_slice(2)
print("one contact at t = 2, sliced to t = 2:", part.interactions(), "at t = 2:", part.interactions(t=2))
assert contact.has_interaction("ann", "bob", 2) and part.has_interaction("ann", "bob"), "changed: the flat graph"
if part.has_interaction("ann", "bob", 2):
    raise SystemExit("changed: the slice has the contact at its time")
assert part.temporal_snapshots_ids() == [], "changed: the snapshots of the slice"

long = dn.DynGraph()
long.add_interaction("ann", "bob", t=0, e=6)  # from 0 to 5
print("one from 0 to 5, sliced to 1 to 3:", sorted(t for *_, t in present(long.time_slice(1, 3))), "right is [1, 2, 3]")
assert sorted(t for *_, t in present(long)) == [0, 1, 2, 3, 4, 5], "changed: the control"
assert sorted(t for *_, t in present(long.time_slice(1, 3))) == [1, 2], "changed: the end of the slice"

numbers = random.Random(0)
right, found = 0, 0
for _ in range(50):
    graph = dn.DynGraph()
    for t in TIMES:
        for u, v in combinations(range(6), 2):
            if numbers.random() < 0.2:
                graph.add_interaction(u, v, t=t)
    for start, end in combinations(TIMES, 2):
        inside = {(u, v, t) for u, v, t in present(graph) if start <= t <= end}
        part = present(graph.time_slice(start, end))
        ends = {(u, v, t) for u, v, t in inside if t == end or (u, v, t + 1) not in inside}
        assert part == inside - ends, "changed: what is lost"
        right, found = right + len(inside), found + len(part)
print(f"50 random graphs, all slices of two and more snapshots: {found} of {right} are there")
assert found < right / 3, "changed: how many are lost"
print("as described: each interaction of a slice is over one snapshot too early")
PYTHON
