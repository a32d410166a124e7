#!/usr/bin/env bash
# teneto 0.5.3, shortest_temporal_path and temporal_participation_coeff of an undirected network of few edges.
#
# Expected: a path takes edges at the time-points at which they are there, each not before the last, and the participation
#   of a node at t is of its edges at t, as the pages of both say. How the network is stored is no matter.
# Real: where less than a quarter of the entries are edges the network is a table, and its rows are asked for by
#   (i | (j & t)) for ((i | j) & t): an edge whose first node is one of those wanted is found at whatever time. So a path
#   takes edges that are gone or to come. The degree of a node, which the participation divides by, is that of all times
#   for the first node of an edge. As an array, with more edges, the same functions are right.
# Why it matters: contacts that end are why one takes temporal paths at all. Distances are too small, nodes are reached
#   that nothing reaches, and temporal closeness, betweenness and efficiency are made of these paths. Participation goes
#   towards 1 for nodes with small numbers, so that the numbering makes hubs. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4 pandas==2.2.3 networkx==3.4.2 matplotlib==3.9.4 \
  scikit-learn==1.5.2 statsmodels==0.14.4 python-louvain==0.16 nilearn==0.10.4 pybids==0.16.5 templateflow==24.2.2
"$folder/venv/bin/pip" install --quiet teneto==0.5.3
HOME=$folder "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import contextlib
import io

import numpy as np
from teneto import TemporalNetwork
from teneto.networkmeasures import shortest_temporal_path, temporal_participation_coeff

COMMUNITIES = np.array([0, 0, 0, 1, 1, 1])


def network(array, table):
    made = TemporalNetwork(from_array=array, forcesparse=table, dense_threshold=0.25 if table else 0)
    assert made.nettype[1] == "u" and made.sparse == table and made.netshape[1] == array.shape[2]
    return made


def distances(array, table):
    found = np.full(array.shape, np.nan)
    for row in shortest_temporal_path(network(array, table)).itertuples():
        found[row[1], row[2], row[3]] = row[4]
    return found


def steps(array):
    """Time-points until a node is reached from another by edges of one snapshot after the other."""
    n, _, times = array.shape
    right = np.full(array.shape, np.nan)
    for start in range(times):
        reached = np.eye(n)
        for t in range(start, times):
            reached = (reached @ np.linalg.matrix_power(np.eye(n) + array[:, :, t], n) > 0).astype(float)
            new = (reached > 0) & np.isnan(right[:, :, start])
            right[new, start] = t - start + 1
        np.fill_diagonal(right[:, :, start], np.nan)
    return right


def participation(array, table):
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it computes
        return temporal_participation_coeff(network(array, table), communities=COMMUNITIES)


def formula(array):
    degrees = array.sum(axis=1)
    shares = [array[:, COMMUNITIES == c].sum(axis=1) / np.maximum(degrees, 1) for c in (0, 1)]
    return np.where(degrees > 0, 1 - sum(share**2 for share in shares), 0)


# 0-1 and 0-3 are over at t = 1: from there 2 is reached at once, 1 over 2, and neither 3 nor 4
small = np.zeros((6, 6, 3))
for i, j, t in ((0, 1, 0), (0, 3, 0), (0, 2, 1), (1, 2, 2), (3, 4, 2)):
    small[i, j, t] = small[j, i, t] = 1
found, right = distances(small, True), steps(small)
for node in range(1, 6):
    print(f"from 0 at t = 1 to {node}: {found[0, node, 1]:g} time-points, right is {right[0, node, 1]:g}")
assert found[0, 3, 1] == 1 and np.isnan(right[0, 3, 1]), "changed: a path over an edge that is gone"

rng = np.random.default_rng(0)
errors = {True: np.zeros(4, int), False: np.zeros(4, int)}
for _ in range(10):
    array = np.triu((rng.random((4, 6, 6)) < 0.15).astype(float), 1).transpose(1, 2, 0)
    array[4, 5, 3] = 1  # so that there is something at the last node and time
    array += array.transpose(1, 0, 2)
    for table in (True, False):
        found, right = distances(array, table), steps(array)
        known = ~np.isnan(found) & ~np.isnan(right)
        wrong = known & (found != right) | (np.isnan(found) != np.isnan(right))
        assert not np.any(found[known] > right[known]), "changed: a distance that is too large"
        errors[table][:2] += wrong.sum(), (np.isnan(right) & ~np.isnan(found)).sum()
        found, right = participation(array, table), formula(array)
        errors[table][2:] += (~np.isclose(found, right)).sum(), (array.sum(axis=1) > 0).sum()
        assert np.all(found > right - 1e-9), "changed: a participation that is too small"
for table, (wrong, nowhere, shares, nodes) in errors.items():
    name = "a table" if table else "an array"
    print(f"ten networks as {name}: {wrong} distances are wrong, {nowhere} of what is never reached;", end=" ")
    print(f"participation wrong for {shares} of {nodes} nodes")
if errors[True][0] == 0:
    raise SystemExit("changed: the table is asked for the right rows")
assert errors[True][0] > 100 and errors[True][1] > 50 and errors[True][2] > 50, "changed: how often it is wrong"
assert not errors[False][:3].any(), "changed: the array"
print("as described: a network as a table has edges at all times")
PYTHON
