#!/usr/bin/env bash
# netneurotools 0.3.0 and bctpy 0.6.1, search_information(has_memory=True).
#
# Expected: the bits that a random walker needs to follow the shortest path: minus the logarithm of the probability that
#   it does. With a memory (Rosvall et al. 2005) it does not go back to where it came from: of k neighbors it chooses one
#   of k - 1, and the probability of the step back is taken out. Probabilities are at most 1, and bits at least 0.
# Real: taken out is the probability of the last step as it was taken, from the node before to this one, not of the step
#   back. From a leaf it was 1, and the step after it is divided by 0: minus infinity bits. Next to nodes of few neighbors
#   probabilities come out above 1. Regular graphs are right, as both steps are alike there.
# Why it matters: every path of two steps or more that starts at a leaf is minus infinity, and so is every mean over nodes
#   that has one. Elsewhere the information depends on the degree of the node before in place of the node's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.1 networkx==3.4.2 matplotlib==3.11.2 \
  scikit-learn==1.9.1 nilearn==0.14.1 nibabel==5.4.2 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet netneurotools==0.3.0 bctpy==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import bct
import networkx as nx
import numpy as np
from netneurotools.metrics import search_information


def right(graph, A):
    """Along the one shortest path there is: 1 over the degree, then over what is left without the way back."""
    bits = np.full(A.shape, np.nan)
    for start, paths in nx.all_pairs_all_shortest_paths(graph):
        for end, (path, *others) in paths.items():
            if start != end and not others:
                steps = [A[u].sum() - (A[u, before] if before is not None else 0) for before, u in zip([None, *path], path[:-1])]
                bits[start, end] = -sum(np.log2(A[u, v] / left) for u, v, left in zip(path, path[1:], steps))
    return bits


def walked(graph, path, walks, rng):
    """The share of walks without a step back that follow the path."""
    followed = 0
    for _ in range(walks):
        walk = [None, path[0]]
        while len(walk) <= len(path) and walk[1:] == path[: len(walk) - 1]:
            walk.append(rng.choice([near for near in graph[walk[-1]] if near != walk[-2]]))
        followed += walk[1:] == path
    return followed / walks


tree = nx.Graph([(0, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)])
A = nx.to_numpy_array(tree, nodelist=range(7))
truth = right(tree, A)
share = walked(tree, [0, 1, 2, 4], 20000, np.random.default_rng(0))
assert np.isclose(2 ** -truth[0, 4], 1 / 6) and abs(share - 1 / 6) < 0.01, "the oracle: 1, then 1 of 2, then 1 of 3"
found, old = search_information(A, A, has_memory=True), bct.search_information(A, has_memory=True)
print(f"a tree, from leaf 0 over 1 and 2 to leaf 4: {found[0, 4]:.3f} bits, bctpy {old[0, 4]:.3f}, right is {truth[0, 4]:.3f};", end=" ")
print(f"{share:.3f} of 20000 walks follow it")
if np.isclose(found[0, 4], truth[0, 4]):
    raise SystemExit("changed: netneurotools has the walker with a memory")
assert np.array_equal(found[~np.eye(7, dtype=bool)], old[~np.eye(7, dtype=bool)]), "changed: bctpy is another"

for name, graph, regular in (
    ("a ring of 7", nx.cycle_graph(7), True),
    ("Petersen graph", nx.petersen_graph(), True),
    ("karate club", nx.Graph(nx.karate_club_graph().edges), False),
    ("a tree of 40", nx.random_labeled_tree(40, seed=1), False),
    ("random, least degree 2", nx.k_core(nx.gnp_random_graph(40, 0.1, seed=2), 2), False),
):
    graph = nx.convert_node_labels_to_integers(graph)
    A = nx.to_numpy_array(graph)
    found, truth = search_information(A, A, has_memory=True), right(graph, A)
    known = np.isfinite(truth)
    wrong = ~np.isclose(found[known], truth[known])
    print(f"{name}: {wrong.sum()} of {known.sum()} pairs are wrong, {np.isneginf(found[known]).sum()} are -inf;", end=" ")
    print(f"mean {found[known].mean():.3f}, right is {truth[known].mean():.3f}")
    one = known & (nx.floyd_warshall_numpy(graph) == 1)
    assert np.allclose(found[one], truth[one]), "changed: paths of one step, the control"
    assert wrong.any() != regular, "changed: which graphs"
print("as described: the step that was taken is left out, not the step back")
PYTHON
