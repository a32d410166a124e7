#!/usr/bin/env bash
# raphtory 0.17.0, algorithms.hits.
#
# Expected: iter_count is "how many iterations to run", 20 unless told, and there is no tolerance among the arguments.
#   With enough of them the scores are the fixed point of its page: hubs of authorities, authorities of hubs.
# Real: it stops, whatever iter_count is, where no score has changed by more than about 0.01 in an iteration. All scores
#   together are 1, so a node of a hundred has about 0.01: in larger graphs it stops after the second iteration. 2000
#   iterations give to the last digit what 20 give.
# Why it matters: after two iterations a score counts paths of two steps. A dense group, which HITS is there to find, has
#   a twelfth of the authority of all where it should have all of it, and asking for more iterations changes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==2.3.3 pyarrow==22.0.0
"$folder/venv/bin/pip" install --quiet raphtory==0.17.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from raphtory import Graph, algorithms


def scores(graph, rounds):
    made = Graph()
    for u, v in graph.edges:
        made.add_edge(0, u, v)
    found = {int(node.name): values for node, values in algorithms.hits(made, iter_count=rounds).items()}
    return np.array([[found[node][kind] for node in graph] for kind in ("hub_score", "auth_score")])


def rounds_of_page(graph, rounds):
    """As the page has it: both from the scores of the iteration before, and divided by their sums."""
    A = nx.to_scipy_sparse_array(graph, dtype=float)
    hubs = authorities = np.ones(len(graph)) / len(graph)
    for _ in range(rounds):
        hubs, authorities = A @ authorities, A.T @ hubs
        hubs, authorities = hubs / hubs.sum(), authorities / authorities.sum()
    return np.array([hubs, authorities])


assert "iter_count (int): How many iterations" in algorithms.hits.__doc__ and "tol" not in algorithms.hits.__doc__

# 7 that link to 7 others, all to all, and beside them 100 nodes to which 40 leaves link each
group = [(u, v) for u in range(7) for v in range(7, 14)]
stars = [(14 + 41 * star + leaf, 14 + 41 * star) for star in range(100) for leaf in range(1, 41)]
graphs = [("a group and stars", nx.DiGraph(group + stars))]
for nodes, chance in ((12, 0.3), (100, 0.05), (400, 0.01)):
    graph = nx.gnp_random_graph(nodes, chance, seed=1, directed=True)
    graph.remove_nodes_from(list(nx.isolates(graph)))
    graphs.append((f"random, {len(graph)} nodes", graph))

for name, graph in graphs:
    right = rounds_of_page(graph, 3000)
    assert np.allclose(right, [list(values.values()) for values in nx.hits(graph, max_iter=5000, tol=1e-13)], atol=1e-6)
    few, many = scores(graph, 20), scores(graph, 2000)
    stopped = next((k for k in range(1, 30) if np.allclose(few, rounds_of_page(graph, k), atol=1e-6)), None)
    errors = np.abs(many - right).max()
    print(f"{name}: 20 and 2000 iterations differ by {np.abs(few - many).max():.0e}, both are iteration {stopped};", end=" ")
    print(f"authorities wrong by up to {errors:.4f}, {100 * np.abs(many - right).sum(axis=1).max() / 2:.0f} % of the sum is at other nodes")
    if np.allclose(many, right, atol=1e-4):
        raise SystemExit("changed: with 2000 iterations the scores are right")
    assert np.allclose(few, many, atol=1e-7) and stopped and stopped < 20, "changed: where it stops"
    if name == "a group and stars":
        share, truth = (values[1, [node < 14 for node in graph]].sum() for values in (many, right))
        print(f"  the group has {share:.3f} of all authority, right is {truth:.3f}")
        assert share < 0.1 and truth > 0.999, "changed: what the group has"
    for early in range(1, stopped + 1):
        assert np.allclose(scores(graph, early), rounds_of_page(graph, early), atol=1e-6), "changed: the control"
print("as described: iterations end after a few, however many are asked for")
PYTHON
