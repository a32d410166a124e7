#!/usr/bin/env bash
# XGI 0.10.2, degree_assortativity(kind="uniform"), which is the default kind.
#
# Expected: exact=True is what exact=False, the default, comes to with more and more samples: its page calls them "all
#   edges" and "sample randomly from the set of edges". In the paper that it names (Chodrow 2020) an edge is drawn, each
#   with the same chance, and two of its nodes.
# Real: the samples are drawn so. The exact value takes all ordered pairs of nodes of all edges, one like another: an
#   edge of ten nodes counts 45 times as much as one of two. The two agree where all edges have one size, and "top-2"
#   and "top-bottom" agree with their samples.
# Why it matters: hypergraphs of papers, meetings or mails have a few large edges, and these are the exact value. Below
#   the default says that hubs avoid each other, and exact=True that there is next to nothing, or the reverse; a table
#   that mixes the two, for small and for large data, compares two measures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet xgi==0.10.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from itertools import permutations

import numpy as np
import xgi


def correlation(graph, by_edge):
    """The correlation of the degrees of two nodes of an edge; every edge, or every pair, with the same chance."""
    pairs, weights = [], []
    for edge in graph.edges.members():
        ends = list(permutations([graph.degree(node) for node in edge], 2))
        pairs += ends
        weights += [1 / len(ends) if by_edge else 1] * len(ends)
    pairs, weights = np.array(pairs, dtype=float), np.array(weights) / sum(weights)
    centred = pairs - weights @ pairs
    spread = weights @ centred**2
    return float(weights @ centred.prod(axis=1) / np.sqrt(spread.prod()))


star = [(0, leaf) for leaf in range(1, 9)]
graphs = {
    "a star and a meeting": [*star, tuple(range(9, 17))],
    "two hubs in a meeting": [*star[:6], *((20, leaf) for leaf in range(21, 27)), (0, 20), (0, 20, 30, 31, 32, 33)],
    "a star in triples": [(0, leaf, leaf + 1) for leaf in range(1, 11, 2)] + [(1, 3, 5), (2, 4, 6)],
}
for name, edges in graphs.items():
    graph = xgi.Hypergraph(edges)
    exact = xgi.degree_assortativity(graph, exact=True)
    samples = [xgi.degree_assortativity(graph, num_samples=20000, seed=seed) for seed in range(10)]
    mean, error = np.mean(samples), np.std(samples) / np.sqrt(10)
    by_edge, by_pair = correlation(graph, True), correlation(graph, False)
    print(f"{name}: exact {exact:.3f}, sampled {mean:.3f} +- {error:.3f};", end=" ")
    print(f"edges alike {by_edge:.3f}, pairs alike {by_pair:.3f}")
    assert abs(mean - by_edge) < 5 * error + 1e-3, "changed: what is sampled"
    if len({len(edge) for edge in edges}) == 1:
        assert abs(exact - by_edge) < 1e-9, "changed: the control"
    elif abs(exact - by_edge) < 1e-9:
        raise SystemExit("changed: the exact value is that of the samples")
    else:
        assert abs(exact - by_pair) < 1e-9 and abs(exact - by_edge) > 0.2, "changed: the exact value"
    for kind in ("top-2", "top-bottom"):
        whole = xgi.degree_assortativity(graph, kind=kind, exact=True)
        some = xgi.degree_assortativity(graph, kind=kind, num_samples=100000, seed=0)
        assert abs(whole - some) < 0.03, "changed: the other kinds"
print("as described: the exact value weighs edges by their pairs, the samples do not")
PYTHON
