#!/usr/bin/env bash
# pathpy 2.2.0, algorithms.centralities.visitation_probabilities.
#
# Expected: how likely a path drawn at random passes each node; its page has the example of 5 paths among 100, which are to
#   give a value of 0.05 whatever their length.
# Real: visits are divided by the visits to all nodes, not by the number of paths, and a path that passes a node twice
#   counts twice. A node that every path passes has 1 over the mean number of nodes of a path, and the sum is 1.
# Why it matters: the values are a third or a tenth of what they are said to be, by the lengths of the paths, so that
#   those of two data sets cannot be compared; and where paths return, their order is another one, too: the page calls
#   the result the ground truth that a ranking by PageRank is judged by.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4
"$folder/venv/bin/pip" install --quiet pathpy==2.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pathpy
from pathpy.algorithms.centralities import visitation_probabilities

pathpy.utils.Log.set_min_severity(pathpy.utils.Severity.ERROR)
words = " ".join(visitation_probabilities.__doc__.split())
assert "5 out of 100 paths" in words and "0.05" in words, "changed: the words"


def both(walks):
    """What pathpy has, and by its page, of paths with how often each was seen."""
    paths = pathpy.Paths()
    for walk, times in walks.items():
        paths.add_path(tuple(walk), frequency=times)
    nodes = sorted(set("".join(walks)))
    found = visitation_probabilities(paths)
    total = sum(walks.values())
    right = [sum(times for walk, times in walks.items() if node in walk) / total for node in nodes]
    visits = np.array([sum(times * walk.count(node) for walk, times in walks.items()) for node in nodes])
    found = np.array([found[node] for node in nodes])
    if np.allclose(found, right):
        raise SystemExit("changed: it is divided by the number of paths")
    assert np.allclose(found, visits / visits.sum()), "changed: what comes instead"
    return nodes, found, np.array(right)


for name, walks in {
    "95 paths a-b-c, 5 paths a-v-c": {"abc": 95, "avc": 5},
    "the same with a longer way to a": {"hijklmabc": 95, "hijklmavc": 5},
    "one path d-e-d-e-d, three paths f-g": {"deded": 1, "fg": 3},
}.items():
    nodes, found, right = both(walks)
    print(name)
    for node, value, share in zip(nodes, found, right):
        print(f"  {node}: {value:.4f}, of the paths {share:.4f}")
    if "v" in nodes:
        assert np.isclose(right[nodes.index("v")], 0.05) and found[nodes.index("v")] < 0.02, "changed: the example"
    else:
        assert nodes[found.argmax()] in "df" and found[nodes.index("d")] == found[nodes.index("f")], "changed: the order"
        assert right[nodes.index("f")] == 3 * right[nodes.index("d")], "the example"
print("as described: shares of all visits, not of the paths")
PYTHON
