#!/usr/bin/env bash
# deeptime 0.5.0, markov.tools.analysis.expected_counts of more steps than there are states.
#
# Expected: the formula of its page, diag(p (1 + T + ... + T^(N-1))) T: how often a walk of N steps takes each edge.
# Real: for more steps than states it is computed from eigenvectors, and the left ones, which are the inverse of the
#   right ones, are conjugated once more. Where an eigenvalue is complex, which is so wherever walks go round, the
#   counts of the eigenvectors are those of another chain. They add up to N; one can come out below zero.
# Why it matters: one step more than states, and the counts of a directed graph jump to values that no walk has. Up to
#   as many steps as states, in symmetric graphs, and of sparse matrices, all is right, so that it looks tested.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 threadpoolctl==3.6.0
"$folder/venv/bin/pip" install --quiet deeptime==0.5.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from deeptime.markov.tools.analysis import expected_counts
from scipy.sparse import csr_matrix


def step_by_step(T, p, N):
    total = np.zeros_like(T)
    for _ in range(N):
        total += p[:, None] * T
        p = p @ T
    return total


# a ring of five that is walked one way, with rests
ring = 0.8 * np.roll(np.eye(5), 1, axis=1) + 0.2 * np.eye(5)
start = np.eye(5)[0]
for steps in (5, 6):
    found, right = expected_counts(ring, start, steps), step_by_step(ring, start, steps)
    onward = np.arange(5), (np.arange(5) + 1) % 5
    print(f"a ring of 5, {steps} steps from node 0: onward {found[onward].round(3)}, right is {right[onward].round(3)}")
    if steps == 6 and np.allclose(found, right):
        raise SystemExit("changed: the counts are right")
    assert steps == 6 or np.allclose(found, right), "changed: the control, as many steps as states"

numbers = np.random.default_rng(0)
wrong = negative = 0
for size in range(4, 24):
    graph = (numbers.random((size, size)) < 0.3) * numbers.random((size, size))
    graph[np.arange(size), (np.arange(size) + 1) % size] += 0.5  # all reach all
    start = numbers.dirichlet(np.ones(size))
    for symmetric in (True, False):
        T = graph + graph.T if symmetric else graph
        T = T / T.sum(axis=1, keepdims=True)
        for steps in (size, size + 1, 4 * size):
            found, right = expected_counts(T, start, steps), step_by_step(T, start, steps)
            control = symmetric or steps == size
            assert not control or np.allclose(found, right), "changed: the control"
            sparse = expected_counts(csr_matrix(T), start, steps).toarray()
            assert np.allclose(sparse, right), "changed: the control, sparse matrices"
            assert np.isclose(found.sum(), steps), "changed: the sum"
            if not control:
                R = np.linalg.eig(T)
                L = np.linalg.inv(R.eigenvectors)
                with np.errstate(all="ignore"):
                    series = (1 - R.eigenvalues**steps) / (1 - R.eigenvalues)
                series[np.isclose(R.eigenvalues, 1)] = steps
                other = (start @ (R.eigenvectors * series) @ L.conj()).real[:, None] * T
                assert np.allclose(found, other, atol=1e-6), "changed: what comes instead"
                wrong += not np.allclose(found, right, rtol=1e-3)
                negative += found.min() < 0
print(f"of 40 directed graphs with more steps than states {wrong} have other counts, {negative} of them some below zero")
assert wrong >= 38, "changed: how many are wrong"
print("as described: where a walk goes round, its counts are those of other eigenvectors")
PYTHON
