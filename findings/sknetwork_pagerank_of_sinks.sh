#!/usr/bin/env bash
# scikit-network 0.33.5, ranking.PageRank of a directed graph with nodes that no edge leaves.
#
# Expected: one vector, the solution of x = damping * P x + (1 - damping) * y that the docstring of get_pagerank gives,
#   normalised, so that the weight of sinks goes to the restart: RH, another of its solvers, has it, and so have
#   NetworkX and igraph. A solver is a way to a result.
# Real: piteration, which is the default, and lanczos give a sink that can be a start the whole of its restart in
#   place of the share 1 - damping; bicgstab gives a third vector. In a graph without sinks they all agree.
# Why it matters: papers whose references are not in the data, the rim of a web crawl and accounts that only receive
#   take rank that is not theirs, half as much again in the graphs below; feature and order depend on the solver.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 igraph==1.0.0
"$folder/venv/bin/pip" install --quiet scikit-network==0.33.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import igraph as ig
import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from sknetwork.ranking import PageRank

DAMPING = 0.85


def by_definition(adjacency, sinks_start=False):
    """The solution of the linear system; sinks_start: with the restart that the default solver has."""
    n, degree = len(adjacency), adjacency.sum(axis=1)
    steps = np.divide(adjacency, degree[:, None], out=np.zeros((n, n)), where=degree[:, None] > 0)
    if not sinks_start:
        solution = np.linalg.solve(np.eye(n) - DAMPING * steps.T, np.full(n, 1 - DAMPING))
    else:
        restart = np.where(degree > 0, 1 - DAMPING, 1.0) / n
        values, vectors = np.linalg.eig(DAMPING * steps.T + restart[:, None])
        solution = vectors[:, values.real.argmax()].real
    return solution / solution.sum()


cycle = [(0, 1), (1, 2), (2, 0)]
layers = [(u, v) for u in range(30) for v in range(u + 1, 30) if (7 * u + 11 * v) % 5 == 0]
for name, edges in (
    ("without sinks", [*cycle, (0, 3), (3, 1)]),
    ("a cycle and two sinks", [*cycle, (0, 3), (1, 3), (2, 4)]),
    ("citations, 30 papers", [(v, u) for u, v in layers]),
):
    graph = nx.DiGraph(edges)
    order = sorted(graph)
    dense = nx.to_numpy_array(graph, nodelist=order)
    right, sinks = by_definition(dense), dense.sum(axis=1) == 0
    ranks = nx.pagerank(graph, DAMPING, tol=1e-13, max_iter=10_000)
    peers = [ranks[node] for node in order], ig.Graph(len(order), edges, directed=True).pagerank(damping=DAMPING)
    assert all(np.abs(np.array(peer) - right).max() < 1e-9 for peer in peers), "changed: the control"
    found = {
        solver: PageRank(DAMPING, solver, n_iter=5_000, tol=1e-12).fit_predict(csr_matrix(dense))
        for solver in ("RH", "piteration", "lanczos", "bicgstab")
    }
    print(f"{name}: {sinks.sum()} sinks, by definition of rank {right[sinks].sum():.3f} together; by solver", end=" ")
    print(", ".join(f"{solver} {scores[sinks].sum():.3f}" for solver, scores in found.items()))
    off = {solver for solver, scores in found.items() if np.abs(scores - right).max() > 1e-4}
    if off != ({"piteration", "lanczos", "bicgstab"} if sinks.any() else set()):
        raise SystemExit("changed: which solvers differ")
    if sinks.any():
        for solver in ("piteration", "lanczos"):
            assert np.abs(found[solver] - by_definition(dense, sinks_start=True)).max() < 1e-6, "changed: which vector"
        assert np.abs(found["bicgstab"] - found["piteration"]).max() > 1e-3, "changed: bicgstab is a third"
print("as described: the default solver gives sinks a larger restart")
PYTHON
