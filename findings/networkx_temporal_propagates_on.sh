#!/usr/bin/env bash
# networkx-temporal 1.4.4, propagate_snapshots with a delta.
#
# Expected: delta is the "number of snapshots to propagate over", as its page says: with "ffill" an edge of t is in t and
#   in the delta snapshots after it, with "bfill" in those before it.
# Real: the snapshots are replaced one by one as the loop goes, and the next one takes what the last one was given: with
#   "ffill" and any delta from 1 on an edge stays to the end, as with None. With "bfill" one snapshot too few is looked
#   at: with 1 nothing is propagated, and with any delta from 2 on an edge is in all snapshots before it.
# Why it matters: it is how contacts are kept for some time, that of an infection or of a memory, and the number is the one
#   to be varied. All are the same two networks: one in which nothing ends, and one in which nothing is kept. Nothing is
#   said, and paths, degrees and densities grow to the end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkx-temporal==1.4.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
from itertools import combinations

import networkx as nx
import networkx_temporal as tx

TIMES = range(8)


def network(edges):
    snapshots = [nx.Graph() for _ in TIMES]
    for t in TIMES:
        snapshots[t].add_nodes_from(range(5))
        snapshots[t].add_edges_from((u, v) for u, v, time in edges if time == t)
    return tx.from_snapshots(snapshots)


def found(edges, method, delta):
    snapshots = tx.propagate_snapshots(network(edges), method, delta)
    return [{(min(edge), max(edge)) for edge in graph.edges()} for graph in snapshots]


def right(edges, method, delta):
    """The edges of each time and of the delta times before or after it."""
    sign = 1 if method == "ffill" else -1
    reach = len(TIMES) if delta is None else delta
    return [{(u, v) for u, v, time in edges if 0 <= sign * (t - time) <= reach} for t in TIMES]


for method, time in (("ffill", 0), ("bfill", 7)):
    for delta in (1, 2, 3, None):
        edges = [(0, 1, time)]
        own, truth = (sum(map(len, values(edges, method, delta))) for values in (found, right))
        print(f"{method}, an edge at t = {time}, delta {delta}: in {own} of 8 snapshots, right is {truth}")

numbers = random.Random(0)
for _ in range(30):
    edges = [(u, v, t) for t in TIMES for u, v in combinations(range(5), 2) if numbers.random() < 0.1]
    for method in ("ffill", "bfill"):
        whole = right(edges, method, None)
        assert found(edges, method, None) == whole, "changed: the control"
        for delta in (1, 2, 3):
            own = found(edges, method, delta)
            if own == right(edges, method, delta) != whole:
                raise SystemExit("changed: delta is the number of snapshots")
            nothing = method == "bfill" and delta == 1
            assert own == (right(edges, method, 0) if nothing else whole), "changed: what comes instead"
print("as described: propagated over all snapshots or over none")
PYTHON
