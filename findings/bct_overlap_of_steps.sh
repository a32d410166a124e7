#!/usr/bin/env bash
# bctpy 0.6.1, gtom (generalised topological overlap).
#
# Expected: for m steps the overlap of what two nodes reach "by a path of at most length m", as its page says: common
#   nodes over those of the node that reaches fewer (Yip and Horvath 2007). m = 1 is the topological overlap of Ravasz
#   et al. 2002, and numbers of nodes are none of it.
# Real: the loop over the steps ends one too early: gtom(adj, 2) is gtom(adj, 1). The neighbourhoods are widened in
#   place, each node's with those that are wider already, so that gtom(adj, 3) goes by the order in which the nodes are
#   numbered. And from m = 1 on the common nodes are divided by the larger of the two numbers. Nothing is said.
# Why it matters: a region whose neighbours are all neighbours of a hub has the overlap 1 with it, which is how modules
#   with a hub are found; here it has next to none. m = 2 is what the measure was made for, as a filter of spurious
#   links, and filters nothing; for larger m clusters of regions or genes are those of their order in the table.
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


def overlap(matrix, steps, smaller):
    """|N(i) and N(j)| + a_ij, over min(|N(i)|, |N(j)|) + 1 - a_ij (or max), N being the nodes within `steps`."""
    identity = np.eye(len(matrix))
    near = (np.linalg.matrix_power(matrix + identity, steps) > 0) - identity
    sizes = near.sum(axis=0)
    return (near @ near + matrix + identity) / (smaller.outer(sizes, sizes) + 1 - matrix)


random = np.random.default_rng(0)
graphs = {
    "path of 7": nx.path_graph(7),
    "grid of 5 x 5": nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 5)),
    "random graph": nx.gnp_random_graph(40, 0.06, seed=1),
    "hub": nx.wheel_graph(21),
}
for name, graph in graphs.items():
    matrix = nx.to_numpy_array(graph)
    one, two = bct.gtom(matrix, 1), bct.gtom(matrix, 2)
    right = [overlap(matrix, steps, np.minimum) for steps in (1, 2)]
    step, wanted = np.abs(two - one).max(), np.abs(right[1] - right[0]).max()
    print(f"{name}: m = 2 is {step:g} from m = 1, by definition {wanted:.2f};", end=" ")
    if not np.array_equal(one, two):
        raise SystemExit("changed: the second step is taken")
    print(f"overlap of nodes 0 and 1: {one[0, 1]:.2f}, by definition {right[0][0, 1]:.2f};", end=" ")
    if np.allclose(one, right[0]):
        raise SystemExit("changed: it is divided by the smaller number")
    assert np.allclose(one, overlap(matrix, 1, np.maximum)), "changed: the larger number"
    turned = []
    for _ in range(20):
        order = random.permutation(len(matrix))
        back = np.ix_(np.argsort(order), np.argsort(order))
        turned.append(bct.gtom(matrix[np.ix_(order, order)], 3)[back])
        assert np.allclose(bct.gtom(matrix[np.ix_(order, order)], 1)[back], one), "changed: one step"
    moved = np.ptp(turned, axis=0).max()
    print(f"m = 3 of one pair by {moved:.2f} from order to order")
    if name != "hub":
        if moved < 1e-9:
            raise SystemExit("changed: the order of the nodes")
        assert moved > 0.1, "changed: by how much"
print("as described: the second step is missing, the third goes by numbers, and the larger number divides")
PYTHON
