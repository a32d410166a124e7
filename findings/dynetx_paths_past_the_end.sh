#!/usr/bin/env bash
# dynetx 0.3.2, algorithms.time_respecting_paths, all_time_respecting_paths and temporal_dag with an end.
#
# Expected: "all the simple time respecting paths among u and v within [start, stop]", as the page says, end being the
#   "max temporal id": no step is later than that.
# Real: the place of the first snapshot after the end is looked for, and taken in. Paths end one snapshot later than
#   asked for, however far that is from the end. Where the end is the last snapshot of all, as without one, it is right.
# Why it matters: an end is given to ask who could have been reached until then. A contact of the day after, or of the
#   year after, is a way to get there in time.
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
from dynetx.algorithms import time_respecting_paths


def found(contacts, start, end):
    graph = dn.DynGraph()
    for u, v, t in sorted(contacts, key=lambda contact: contact[2]):
        graph.add_interaction(u, v, t=t)
    paths = time_respecting_paths(graph, "a", "z", start=start, end=end)
    return sorted(paths[("a", "z")]) if ("a", "z") in paths else []


# steps of the one path: a to b at 1, b to c at 2, c to z at 2000; the last snapshot is 3000
contacts = [("a", "b", 1), ("b", "c", 2), ("c", "z", 2000), ("x", "y", 3000)]
for end in (2, 2000, 3000):
    paths = found(contacts, 1, end)
    print(f"from 1 to {end}: {[[t for *_, t in path] for path in paths]}, right is {[[1, 2, 2000]] if end > 2 else []}")
    assert end == 2 or len(paths) == 1, "changed: the control"
    if end == 2 and not paths:
        raise SystemExit("changed: no step is later than the end")

# a and z meet at each time, so that each path is one step
meetings = [("a", "z", t) for t in range(10)]
for start, end in [(0, 9), (0, 5), (2, 5), (4, 5)]:
    times = [t for ((_, _, t),) in (path for path in found(meetings, start, end) if len(path) == 1)]
    print(f"meetings from {start} to {end}: {times}, right is {list(range(start, end + 1))}")
    assert times == list(range(start, 10 if end == 9 else end + 2)), "changed: what is taken in"

numbers = random.Random(0)
late = total = 0
for _ in range(100):
    contacts = [(u, v, t) for t in range(5) for u, v in combinations("abcz", 2) if numbers.random() < 0.3]
    if len({t for *_, t in contacts}) < 5 or not any("a" in contact[:2] and contact[2] == 0 for contact in contacts):
        continue
    paths = found(contacts, 0, 2)
    late, total = late + sum(path[-1][2] > 2 for path in paths), total + len(paths)
    assert all(path[-1][2] <= 3 for path in paths), "changed: how late"
print(f"random contacts from 0 to 4, asked for until 2: {total} paths, {late} of them arrive at 3")
assert late > total / 3, "changed: the share"
print("as described: paths end one snapshot after the end")
PYTHON
