#!/usr/bin/env bash
# pathpy 2.2.0, algorithms.random_graphs.erdoes_renyi_gnp(directed=True).
#
# Expected: the random graph of Erdős and Rényi, whose name it has: each of the n (n - 1) ordered pairs, and each loop
#   with self_loops, is an edge with probability p. NetworkX's gnp_random_graph is so, and erdoes_renyi_gnm beside it
#   draws both directions.
# Real: only pairs of which the second is not after the first are drawn, whether directed or not. All edges go from a
#   later node to an earlier one: half of them are missing, none has an answer, and there are no cycles. The first node
#   reaches nobody, and is reached by most.
# Why it matters: it is what observed networks are held against. Reciprocity, cycles and strong components of the random
#   graph are 0 for any p, so that whatever has some stands out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4 networkx==3.4.2
"$folder/venv/bin/pip" install --quiet pathpy==2.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import pathpy
from pathpy.algorithms.random_graphs import erdoes_renyi_gnm, erdoes_renyi_gnp

pathpy.utils.Log.set_min_severity(pathpy.utils.Severity.ERROR)
np.random.seed(0)
n, p, rounds = 30, 0.2, 200


def measured(draw):
    """Means of edges, of the share of edges with an answer, of the largest strong component and of edges of node 0."""
    rows = []
    for _ in range(rounds):
        graph = nx.DiGraph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from((int(u), int(v)) for u, v in draw())
        assert nx.number_of_selfloops(graph) == 0
        largest = max(map(len, nx.strongly_connected_components(graph)))
        rows.append([graph.size(), nx.reciprocity(graph), largest, graph.out_degree(0), graph.in_degree(0)])
    return np.mean(rows, axis=0)


m = round(n * (n - 1) * p)
results = {
    "gnp": measured(lambda: erdoes_renyi_gnp(n, p, self_loops=False, directed=True).edges),
    "gnm": measured(lambda: erdoes_renyi_gnm(n, m, self_loops=False, directed=True).edges),
    "NetworkX": measured(lambda: nx.gnp_random_graph(n, p, directed=True, seed=np.random).edges),
}
print(f"n = {n}, p = {p}, means of {rounds} graphs; {n * (n - 1) * p:g} edges are right, {p} of them with an answer")
for name, (size, answers, largest, out, into) in results.items():
    print(f"   {name}: {size:.1f} edges, {answers:.3f} with an answer, largest component {largest:.1f},", end=" ")
    print(f"the first node has {out:.1f} out and {into:.1f} in")
for name in ("gnm", "NetworkX"):
    size, answers, largest, out, into = results[name]
    assert abs(size / m - 1) < 0.02 and abs(answers - p) < 0.02 and largest > 29, "changed: the controls"
    assert abs(out - into) < 1, "changed: the first node"
size, answers, largest, out, into = results["gnp"]
if size > 0.9 * m:
    raise SystemExit("changed: both directions are drawn")
assert abs(size / m - 0.5) < 0.02 and answers == 0 and largest == 1 and out == 0, "changed: what is drawn"

undirected = [erdoes_renyi_gnp(n, p, self_loops=False).ecount() for _ in range(rounds)]
print(f"   undirected: {np.mean(undirected):.1f} edges, right is {n * (n - 1) / 2 * p:g}")
assert abs(np.mean(undirected) / (n * (n - 1) / 2 * p) - 1) < 0.02, "changed: undirected graphs"
print("as described: directed edges are drawn in one direction only")
PYTHON
