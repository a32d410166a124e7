#!/usr/bin/env bash
# tnetwork 1.2, utils.Intervals.add_interval and union (+), and with them DynGraphIG.add_interaction.
#
# Expected: "a new interval containing all sub-intervals of both. (if they overlap, it is handled)", as the page says of
#   union.
# Real: an interval that begins before one that is there and ends within it takes its place: what the old one has after
#   the end of the new one is gone. [8, 12) and then [6, 9) are [6, 9). The other way round, and where the old one
#   begins first, they are joined. a + b and b + a differ.
# Why it matters: the times of nodes and edges of a dynamic graph are such intervals. An interaction that is added to
#   those there are ends earlier than before, a node with it, and degrees, cumulated graphs and durations lack those
#   times, depending on the order of the lines of a file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==3.0.6 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2 bokeh==3.9.2
"$folder/venv/bin/pip" install --quiet sortedcontainers==2.4.0 bidict==0.24.1 progressbar2==4.6.0
"$folder/venv/bin/pip" install --quiet --no-deps tnetwork==1.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import tnetwork as tn
from tnetwork.utils import Intervals


def made(intervals):
    result = Intervals()
    for interval in intervals:
        result.add_interval(interval)
    return result


def times(intervals):
    return {t for start, end in intervals.periods() for t in range(start, end)}


old, new = (8, 12), (6, 9)
for first, second in ((new, old), (old, new)):
    found = made([first, second])
    print(f"{first} and then {second}: {found.periods()}, duration {found.duration()}, right is [(6, 12)] and 6")
    if first == old and found.periods() == [(6, 12)]:
        raise SystemExit("changed: the end is kept")
    assert found.periods() == ([(6, 12)] if first == new else [(6, 9)]), "changed: what is left"

graph = tn.DynGraphIG()
for interval in (old, new):
    graph.add_interaction("ann", "bob", interval)
    there = [t for t in range(13) if graph.graph_at_time(t).has_edge("ann", "bob")]
    print(f"ann and bob, {interval} added: together at {there}")
assert there == [6, 7, 8], "changed: the graph"

numbers = random.Random(0)
wrong = lost = total = turned = 0
for _ in range(1000):
    sets = [{t for t in range(15) if numbers.random() < 0.4} for _ in range(2)]
    parts = []
    for members in sets:  # maximal runs, in order, so that nothing overlaps
        starts = sorted(t for t in members if t - 1 not in members)
        parts.append(made((t, next(e for e in range(t, 16) if e not in members)) for t in starts))
        assert times(parts[-1]) == members, "changed: the control"
    if not all(sets):
        continue
    assert times(parts[0] - parts[1]) == sets[0] - sets[1], "changed: the control, difference"
    assert times(parts[0].intersection(parts[1])) == sets[0] & sets[1], "changed: the control, intersection"
    found, other = times(parts[0] + parts[1]), times(parts[1] + parts[0])
    assert found <= sets[0] | sets[1], "changed: a time too many"
    total, wrong, turned = total + 1, wrong + (found != sets[0] | sets[1]), turned + (found != other)
    lost += len((sets[0] | sets[1]) - found)
print(f"{total} unions: {wrong} lack times, {lost} in all; {turned} are others with the two exchanged")
assert wrong > total / 20 and turned > total / 20, "changed: the counts"
print("as described: an interval that ends within another cuts it off")
PYTHON
