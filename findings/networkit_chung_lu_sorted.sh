#!/usr/bin/env bash
# NetworKit 11.3, generators.ChungLuGenerator.
#
# Expected: in the model of the papers that it names (Chung and Lu 2002) the weight w_i is that of node i, whose expected
#   degree it is: expected_degree_graph of NetworkX, and HavelHakimiGenerator and EdgeSwitchingMarkovChainGenerator
#   beside it, give node i the i-th number. Its page says "given an arbitrary degree sequence" and "the same expected
#   degree sequence".
# Real: the sequence is sorted first, and the largest number is that of node 0. The degrees as a whole are right, and no
#   node need have its own. Nothing is said, and no argument keeps the order.
# Why it matters: the model is the null model of a graph at hand: its degrees are handed over, and the result is compared
#   with it node by node, or edge by edge as in modularity, or labels and features are laid on the nodes. Hubs are then
#   the first nodes of the file. Where the sequence happens to be sorted, as one that is drawn for it often is, all is
#   right. Sort the nodes by their number before, and give them back their names after.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkit as nk
import networkx as nx
import numpy as np

DRAWS = 300
graph = nx.barabasi_albert_graph(60, 3, seed=0)
order = np.random.default_rng(0).permutation(60)
degrees = np.array([graph.degree(node) for node in order])


def expected(weights):
    """The mean degrees of the model, without loops."""
    chance = np.minimum(np.outer(weights, weights) / weights.sum(), 1)
    np.fill_diagonal(chance, 0)
    return chance.sum(axis=1)


def drawn(sequence):
    graphs = [nk.generators.ChungLuGenerator(sequence.tolist()).generate() for _ in range(DRAWS)]
    return np.mean([[made.degree(node) for node in range(60)] for made in graphs], axis=0)


def by_networkx(sequence):
    graphs = [nx.expected_degree_graph(sequence.tolist(), selfloops=False, seed=seed) for seed in range(DRAWS)]
    return np.mean([[made.degree(node) for node in range(60)] for made in graphs], axis=0)


nk.setSeed(0, False)
for name, sequence in (("in any order", degrees), ("sorted, largest first", np.sort(degrees)[::-1])):
    right, found, peer = expected(sequence), drawn(sequence), by_networkx(sequence)
    tolerance = 6 * np.sqrt(right.max() / DRAWS)
    assert np.abs(peer - right).max() < tolerance, "changed: the control"
    correlation = np.corrcoef(found, sequence)[0, 1]
    print(f"{name}: node 0 has {found[0]:.1f} ({right[0]:.1f}), correlation of degrees and numbers {correlation:.2f}")
    assert np.abs(found - expected(np.sort(sequence)[::-1])).max() < tolerance, "changed: it is not the sorted sequence"
    if (np.abs(found - right).max() < tolerance) != (name != "in any order"):
        raise SystemExit("changed: whose number is whose")
assert abs(np.corrcoef(drawn(degrees), degrees)[0, 1]) < 0.5, "changed: the correlation"
exact = nk.generators.HavelHakimiGenerator(degrees.tolist()).generate()
assert [exact.degree(node) for node in range(60)] == degrees.tolist(), "changed: the other generator"
print("as described: the sequence is sorted")
PYTHON
