#!/usr/bin/env bash
# dynetx 0.3.2, DynGraph.interactions_per_snapshots, and DynDiGraph's, of interactions that last (add_interaction with
# e).
#
# Expected: "the number of interactions within snapshot t", as the page says; its example has whole numbers, 3 of a path
#   of four nodes. interactions(t) lists them.
# Real: with a t alone an interaction is counted twice at its time, once as its start and once as its end, and all
#   counts are halved. With an e it is counted once at each of its times, and halved too.
# Why it matters: one interaction that lasts is one half of one, and where both kinds are in a graph, calls and
#   messages, say, the one weighs twice as much as the other: a curve of activity over time is of a mixture.
#   number_of_interactions of the same graph is right, and nothing is said.
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

TIMES = range(8)


def listed(graph):
    return {t: len(graph.interactions(t=t)) for t in graph.temporal_snapshots_ids()}


graph = dn.DynGraph()
graph.add_interaction("ann", "bob", t=0, e=3)  # from 0 to 2
graph.add_interaction("bob", "cleo", t=2)
print("one from 0 to 2, one at 2:", graph.interactions_per_snapshots(), "right is", listed(graph))
assert listed(graph) == {0: 1, 1: 1, 2: 2}, "the oracle"
if graph.interactions_per_snapshots() == listed(graph):
    raise SystemExit("changed: interactions that last are counted as one")
assert graph.interactions_per_snapshots() == {0: 0.5, 1: 0.5, 2: 1.5}, "changed: what comes instead"
assert [graph.number_of_interactions(t=t) for t in range(3)] == [1, 1, 2], "changed: number_of_interactions"

numbers = random.Random(0)
for kind in (dn.DynGraph, dn.DynDiGraph):
    for share in (0, 0.5, 1):
        graph, right, lasting = kind(), dict.fromkeys(TIMES, 0), dict.fromkeys(TIMES, 0)
        for u, v in combinations(range(12), 2):
            start = numbers.randrange(6)
            end = start + 3 if numbers.random() < share else None
            graph.add_interaction(u, v, t=start, e=end)
            for t in range(start, end or start + 1):
                right[t] += 1
                lasting[t] += bool(end)
        right = {t: count for t, count in right.items() if count}
        found = graph.interactions_per_snapshots()
        print(f"{kind.__name__}, {share:.0%} last: {[found[t] for t in right]}, right is {list(right.values())}")
        if kind is dn.DynGraph:
            assert listed(graph) == right, "the oracle"
        assert found == {t: count - lasting[t] / 2 for t, count in right.items()}, "changed: the counts"
print("as described: an interaction that lasts counts as one half")
PYTHON
