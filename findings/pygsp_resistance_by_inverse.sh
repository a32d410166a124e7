#!/usr/bin/env bash
# PyGSP 0.6.1, utils.resistance_distance.
#
# Expected: the effective resistances of the graph (Klein and Randic 1993, whom it names), by the pseudoinverse of the
#   Laplacian.
# Real: the Laplacian, which has no inverse, is inverted, and the pseudoinverse is taken only where the factorisation
#   meets a pivot that is 0 to the last bit. In most graphs rounding leaves some 1e-16 there: the "inverse" has entries
#   of some 1e16, and the resistances are the difference of these, with no digit left, or one. No error, no warning.
#   Whether a graph is right depends on its rounding: a path is, a grid is not, nor is a complete graph.
# Why it matters: the values are of the right size and 0 on the diagonal, and so pass for resistances: as a distance, as
#   a measure of bottlenecks, as chances to sample edges by, which is what the library itself needs them for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet networkx==3.6.1
"$folder/venv/bin/pip" install --quiet pygsp==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from pygsp import graphs, utils


def errors(adjacency, count):
    """The largest error over the largest resistance, and by how much the sum over the edges misses n - 1."""
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    inverse = np.linalg.pinv(laplacian)
    right = np.diag(inverse)[:, None] + np.diag(inverse) - 2 * inverse
    found = utils.resistance_distance(graphs.Graph(adjacency)).toarray()
    by_foster = [(adjacency * values).sum() / 2 for values in (right, found)]
    assert abs(by_foster[0] - (count - 1)) < 1e-8, "changed: the control"  # Foster: they sum to n - 1
    return np.abs(found - right).max() / right.max(), abs(by_foster[1] - (count - 1))


def show(name, graph, weight=None):
    adjacency = nx.to_numpy_array(graph) * 1.0
    error, foster = errors(adjacency if weight is None else adjacency * weight, len(graph))
    print(f"{name}: off by {error:.1e} of the largest; the sum over the edges misses n - 1 by {foster:.1e}")
    return error


assert show("path of 10", nx.path_graph(10)) < 1e-8, "changed: the control of a path"
off = [show(f"grid of {n} by {n}", nx.grid_2d_graph(n, n)) for n in (5, 6, 8, 10)]
off += [show(f"complete graph of {n}", nx.complete_graph(n)) for n in (5, 10, 20)]

rng, wrong = np.random.default_rng(0), {"unweighted": [], "weighted": []}
for seed in range(100):
    graph = nx.connected_watts_strogatz_graph(40, 4, 0.2, seed=seed)
    adjacency, weight = nx.to_numpy_array(graph), rng.uniform(0.5, 1.5, (40, 40))
    wrong["unweighted"].append(errors(adjacency, 40)[0])
    wrong["weighted"].append(errors(adjacency * (weight + weight.T), 40)[0])
for name, values in wrong.items():
    share = np.mean(np.array(values) > 0.01)
    print(f"100 small worlds, {name}: {share:.0%} are off by more than 1%, half by more than {np.median(values):.0%}")
    if share < 0.25:
        raise SystemExit("changed: resistances are right")
if max(off) < 0.01:
    raise SystemExit("changed: grids and complete graphs are right")
print("as described: the inverse of a matrix that has none")
PYTHON
