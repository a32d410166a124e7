#!/usr/bin/env bash
# bctpy 0.6.1, pagerank_centrality of a directed matrix.
#
# Expected: the share of the steps that a random walker spends at a node, who goes to "one of its current state's
#   neighbors" with probability d, as its page says. In this library the entry (i, j) is an edge from i to j:
#   degrees_dir, the distances and mean_first_passage_time read it so, and so does NetworkX's from_numpy_array.
# Real: each column is divided by its sum, the in-degree, and a node collects from those that it points to: the walker
#   goes against the edges. What comes back is the PageRank of the graph turned round. Undirected matrices are right.
#   Neither the page nor a message says that the matrix has to be transposed.
# Why it matters: sources have the ranks of sinks and the reverse. In citations a survey that cites everything is first,
#   and in a tract-traced brain or a hyperlink graph hubs that send are taken for hubs that receive, in one table with
#   in-degrees and walks that go the right way. pagerank_centrality(A.T, d) is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet bctpy==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import bct
import networkx as nx
import numpy as np

d = 0.85


def walk(matrix, steps=200):
    """The shares of a walker along the edges, who starts anew anywhere with probability 1 - d."""
    n = len(matrix)
    step = matrix / matrix.sum(axis=1, keepdims=True)
    share = np.full(n, 1 / n)
    for _ in range(steps):
        share = d * share @ step + (1 - d) / n
    return share


def networkx(matrix):
    ranks = nx.pagerank(nx.from_numpy_array(matrix, create_using=nx.DiGraph), alpha=d, tol=1e-12, max_iter=1000)
    return np.array([ranks[node] for node in range(len(matrix))])


# Papers cite one or two older ones, and the oldest one a younger; node 0 cites all, and is cited by the last alone.
random = np.random.default_rng(0)
papers = np.zeros((30, 30))
papers[0, 1:] = 1
for paper in range(2, 30):
    papers[paper, random.choice(np.arange(1, paper), size=min(2, paper - 1), replace=False)] = 1
papers[1, 2] = papers[29, 0] = 1
drawn = nx.to_numpy_array(nx.gnp_random_graph(40, 0.15, seed=1, directed=True))
graphs = {"papers": papers, "random, directed": drawn, "with weights": drawn * random.random((40, 40))}
for name, matrix in graphs.items():
    assert (matrix.sum(axis=0) > 0).all() and (matrix.sum(axis=1) > 0).all()
    found, right = bct.pagerank_centrality(matrix, d), walk(matrix)
    assert np.allclose(right, networkx(matrix), atol=1e-8)
    assert np.array_equal(bct.degrees_dir(matrix)[1], (matrix != 0).sum(axis=1)), "changed: the out-degree"
    place = [int((ranks > ranks[0]).sum()) + 1 for ranks in (found, right)]
    print(f"{name}: {np.abs(found - right).max():.3f} from the walk,", end=" ")
    print(f"{np.abs(found - walk(matrix.T)).max():.0e} from the one against the edges;", end=" ")
    print(f"correlation {np.corrcoef(found, right)[0, 1]:.2f}; node 0 is number {place[0]}, not {place[1]}")
    if np.allclose(found, right):
        raise SystemExit("changed: it goes along the edges")
    assert np.allclose(found, walk(matrix.T)), "changed: against the edges"
    assert np.allclose(bct.pagerank_centrality(matrix.T, d), right), "changed: the transposed matrix"
karate = nx.to_numpy_array(nx.karate_club_graph())
assert np.allclose(bct.pagerank_centrality(karate, d), walk(karate)), "changed: the undirected one"
line = np.array([[0.0, 1, 0], [0, 0, 1], [1, 1, 0]])
assert np.isclose(bct.mean_first_passage_time(line)[0, 1], 1), "changed: walks of the library"
print("as described: the walker goes against the edges")
PYTHON
