#!/usr/bin/env bash
# netneurotools 0.3.0, metrics.navigation_wu: nav_sr and nav_sr_node.
#
# Expected: the success rate of Seguin et al. (2018), whom its page names: the share of pairs of nodes, N (N - 1), of which
#   greedy navigation reaches the second from the first. bctpy, from which it takes its name, has that.
# Real: each node counts as a pair with itself, which is a success without a step: the rate is (1 + (N - 1) s) / N for s.
# Why it matters: a network without any edge has a rate of 1 / N, 10 % for ten modules, and the smaller a network or a
#   part of it is, the better it seems to be navigated. Rates of networks of different size cannot be compared, nor with
#   those of papers. The means of a node are 1 / N too large at most, for those that reach nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.13.1 networkx==3.4.2 matplotlib==3.11.2 \
  scikit-learn==1.9.1 nilearn==0.14.1 nibabel==5.4.2 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet netneurotools==0.3.0 bctpy==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import bct
import numpy as np
from netneurotools.metrics import navigation_wu


def right(A, D):
    """Shares of the other nodes that each reaches by going to whom is nearest to the target."""
    reached = np.zeros(len(A))
    for start in range(len(A)):
        for target in set(range(len(A))) - {start}:
            seen, here = {start}, start
            while here != target and A[here].any():
                near = np.flatnonzero(A[here])
                here = near[np.argmin(D[near, target])]
                if here in seen:
                    break
                seen.add(here)
            reached[start] += here == target
    return reached / (len(A) - 1)


for nodes, radius in ((6, 0.0), (6, 0.4), (12, 0.35), (40, 0.25), (100, 0.15)):
    places = np.random.default_rng(1).random((nodes, 2))
    D = np.linalg.norm(places[:, None] - places, axis=2)
    A = ((D < radius) & ~np.eye(nodes, dtype=bool)).astype(float)
    rate, rates = navigation_wu(D, A)[:2]
    truth, peer = right(A, D), bct.navigation_wu(A, D)[0]
    print(f"{nodes} nodes joined below {radius}: {rate:.4f}, right is {truth.mean():.4f}, bctpy {peer:.4f}")
    assert np.isclose(peer, truth.mean()), "the oracle: bctpy and the rule"
    if np.isclose(rate, truth.mean()):
        raise SystemExit("changed: pairs of a node with itself do not count")
    assert np.isclose(rate, (1 + (nodes - 1) * peer) / nodes), "changed: what is counted"
    assert np.allclose(rates, (1 + (nodes - 1) * truth) / nodes), "changed: the rates of the nodes"
print("as described: each node reaches itself")
PYTHON
