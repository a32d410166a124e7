#!/usr/bin/env bash
# POT 0.9.7.post1, gromov.GW_distance_estimation and the estimate in the log of sampled_gromov_wasserstein.
#
# Expected: "an unbiased approximation" of the sum of L(C1[i, k], C2[j, l]) T[i, j] T[k, l], as the page says.
# Real: rows of the plan are drawn by their weights, but without replacement, and by default as many as there are: each
#   comes once, whatever it weighs. What is estimated is the sum for the plan with all rows of one weight; with fewer
#   samples it is between the two. More columns a row, which is what one can turn up, do not bring it nearer.
# Why it matters: of graphs whose nodes are weighed, by their degrees for instance, the estimated distance is that of
#   other weights, and its small deviation makes it look sure: here of one that is twice as large, for instance.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet POT==0.9.7.post1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import ot


def loss(a, b):
    return (a - b) ** 2


def exact(C1, C2, T):
    differences = loss(C1[:, None, :, None], C2[None, :, None, :])
    return np.einsum("ijkl,ij,kl", differences, T, T)


def estimate(C1, C2, p, q, T, rows=None):
    found = [
        ot.gromov.GW_distance_estimation(C1, C2, p, q, loss, T, rows, nb_samples_q=30, std=False, random_state=seed)
        for seed in range(200)
    ]
    return np.mean(found), np.std(found) / np.sqrt(len(found))


def distances(graph):
    return np.array(nx.floyd_warshall_numpy(graph))


for name, graph, other in (
    ("a star and a ring", nx.star_graph(11), nx.cycle_graph(9)),
    ("a lollipop and a path", nx.lollipop_graph(8, 6), nx.path_graph(10)),
    ("two of Barabasi and Albert", nx.barabasi_albert_graph(25, 1, seed=0), nx.barabasi_albert_graph(20, 2, seed=1)),
):
    C1, C2 = distances(graph), distances(other)
    for weights in ("all one weight", "by degree"):
        p, q = (np.array([d for _, d in each.degree], float) for each in (graph, other))
        if weights == "all one weight":
            p, q = np.ones_like(p), np.ones_like(q)
        p, q = p / p.sum(), q / q.sum()
        T = ot.gromov.gromov_wasserstein(C1, C2, p, q)
        right = ot.gromov.gwloss(*ot.gromov.init_matrix(C1, C2, p, q), T)
        assert np.isclose(right, exact(C1, C2, T)), "changed: the control, gwloss"
        level = exact(C1, C2, T / T.sum(axis=1, keepdims=True) / len(p))
        mean, error = estimate(C1, C2, p, q, T)
        few = estimate(C1, C2, p, q, T, len(p) // 2)[0]
        print(f"{name}, {weights}: {mean:.3f} +- {error:.3f}, right is {right:.3f}; with rows of one weight {level:.3f}")
        assert abs(mean - level) < max(4 * error, 0.01 * level), "changed: what is estimated"
        if weights == "by degree":
            if abs(mean - right) < 6 * error:
                raise SystemExit("changed: the estimate has no bias")
            assert min(right, level) < few < max(right, level), "changed: half of the rows"
        else:
            assert abs(mean - right) < max(4 * error, 0.01 * right), "changed: the control"

# the same number stands in the log of the solver that samples
shares = []
for seed in range(10):
    T, log = ot.gromov.sampled_gromov_wasserstein(C1, C2, p, q, loss, random_state=seed, log=True, max_iter=50)
    level = exact(C1, C2, T / T.sum(axis=1, keepdims=True) / len(p))
    shares.append(log["gw_dist_estimated"] / np.array([exact(C1, C2, T), level]))
right, level = np.mean(shares, axis=0)
print(f"in ten logs of sampled_gromov_wasserstein: {right:.2f} times what is right, {level:.2f} times that of one weight")
assert right > 1.2 and abs(level - 1) < 0.1, "changed: the estimate in the log"
print("as described: the rows of the plan are drawn once each, whatever they weigh")
PYTHON
