#!/usr/bin/env bash
# scikit-network 0.33.5, topology.are_isomorphic.
#
# Expected: the Weisfeiler-Lehman test of two graphs: one set of colours for both, and False where a colour occurs more
#   often in one of them. Its page says that False is certain; True is for graphs that the test cannot tell apart.
# Real: each graph numbers its colours by itself, and only the sizes of the classes are compared, in the order of these
#   numbers. Graphs of different degrees are isomorphic if their classes have the same sizes. Where the numbers of
#   classes differ, as for most pairs of small graphs, the comparison of the sizes ends in a ValueError (NumPy from
#   1.25 on).
# Why it matters: the test is what expressive power is measured by. Pairs that it takes for alike can be told apart by
#   the degree, by one round of messages: duplicates are dropped that are none, and "harder than 1-WL" is said of easy
#   pairs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet scikit-network==0.33.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import combinations

import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from sknetwork.topology import are_isomorphic


def matrix(graph):
    return csr_matrix(nx.to_numpy_array(graph, nodelist=sorted(graph)))


def alike(one, other):
    """The test as it is defined: colours of the disjoint union, counted in each of the two."""
    both = nx.disjoint_union(one, other)
    colours = dict.fromkeys(both, 0)
    for _ in both:
        seen = {node: (colours[node], *sorted(colours[near] for near in both[node])) for node in both}
        number = {colour: place for place, colour in enumerate(sorted(set(seen.values())))}
        colours = {node: number[colour] for node, colour in seen.items()}
    counts = [sorted(colours[node] for node in range(start, start + len(one))) for start in (0, len(one))]
    return counts[0] == counts[1]


# four nodes that are all joined, with a leaf each; a cycle of four with one more neighbour each, these joined in pairs
leaves = [(node, node + 4) for node in range(4)]
clique = nx.Graph([*combinations(range(4), 2), *leaves])
cycle = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), *leaves, (4, 5), (6, 7)])
degrees = [sorted(degree for _, degree in graph.degree) for graph in (clique, cycle)]
said = are_isomorphic(matrix(clique), matrix(cycle))
print(f"degrees {degrees[0]} and {degrees[1]}: isomorphic {bool(said)}, by the test as defined {alike(clique, cycle)}")
assert degrees[0] != degrees[1] and not alike(clique, cycle)
if not said:
    raise SystemExit("changed: graphs of different degrees are told apart")

same = nx.relabel_nodes(cycle, dict(enumerate([5, 2, 7, 0, 3, 6, 1, 4])))
assert are_isomorphic(matrix(cycle), matrix(same)) and alike(cycle, same), "changed: the control"

atlas = [graph for graph in nx.graph_atlas_g() if len(graph) == 6 and nx.is_connected(graph)]
pairs = wrong = refused = 0
for one, other in combinations(atlas, 2):
    if one.size() != other.size():
        continue  # told apart by the number of edges before any colour
    pairs += 1
    try:
        wrong += bool(are_isomorphic(matrix(one), matrix(other))) and not alike(one, other)
    except ValueError as error:
        assert "broadcast" in str(error), "changed: another error"
        refused += 1
print(f"connected graphs of six nodes, {pairs} pairs of as many edges:", end=" ")
print(f"{wrong} wrongly isomorphic, {refused} end in an error")
if not wrong or not refused:
    raise SystemExit("changed: the colours of the two graphs are set against each other")
assert refused / pairs > 0.5, "changed: how often it is refused"
print("as described: sizes of classes are compared, not colours")
PYTHON
