#!/usr/bin/env bash
# persim 0.4.1, landscapes.PersLandscapeExact of a diagram in which a bar is there twice.
#
# Expected: the k-th function of a landscape is the k-th largest of the tents of all bars at each place (Bubenik 2015),
#   as PersLandscapeApprox beside it has it on a grid. Of the bars (0, 2), (0, 2) and (5, 9) the first has two tents,
#   and the second the one from 0 to 2.
# Real: where a function begins with a bar that is there twice, the whole function is put down twice, with all that
#   follows on it: the second has a tent from 5 to 9 too, as if (5, 9) were there twice. The functions after it are one
#   too late.
# Why it matters: bars of graphs have whole numbers, degrees or steps, and most are there more than once. Their norms,
#   means and distances count other bars for twins, and "exact" is in the name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet joblib==1.6.0 Deprecated==1.3.1 persim==0.4.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from persim import PersLandscapeApprox, PersLandscapeExact

GRID = np.linspace(0, 10, 1001)


def right(bars):
    """The tents of all bars, sorted at each place."""
    tents = [np.clip(np.minimum(GRID - birth, death - GRID), 0, None) for birth, death in bars]
    return -np.sort(-np.array(tents), axis=0)


def exact(bars):
    landscape = PersLandscapeExact(dgms=[bars], hom_deg=0)
    landscape.compute_landscape()
    values = np.zeros((len(bars), len(GRID)))
    for row, pairs in zip(values, landscape.critical_pairs):
        row[:] = np.interp(GRID, *zip(*pairs))
    return values, landscape.p_norm(1)


def gridded(bars):
    found = PersLandscapeApprox(dgms=[bars], hom_deg=0, start=0, stop=10, num_steps=len(GRID)).values
    return np.vstack([found, np.zeros((len(bars) - len(found), len(GRID)))])


for name, bars in {
    "(0, 2), (0, 2), (5, 9)": [(0, 2), (0, 2), (5, 9)],
    "(0, 2), (0, 2.1), (5, 9)": [(0, 2), (0, 2.1), (5, 9)],
    "(0, 2), (0, 2), (0, 2)": [(0, 2), (0, 2), (0, 2)],
}.items():
    bars = np.array(bars, dtype=float)
    (values, norm), tents = exact(bars), right(bars)
    area = ((bars[:, 1] - bars[:, 0]) ** 2).sum() / 4
    maxima = [functions.max(axis=1).round(2).tolist() for functions in (values, tents)]
    print(f"{name}: maxima {maxima[0]}, right are {maxima[1]};", end=" ")
    print(f"area {norm:.3f}, right is {area:.3f}")
    assert np.allclose(gridded(bars), tents), "changed: the control, PersLandscapeApprox"
    if "5" not in name or "2.1" in name:
        assert np.allclose(values, tents, atol=1e-9) and np.isclose(norm, area), "changed: the controls"
    elif np.allclose(values, tents):
        raise SystemExit("changed: a bar that is there twice")
    else:
        assert np.allclose(values[1], tents[0]) and np.isclose(norm, 10), "changed: what comes instead"

numbers = np.random.default_rng(0)
wrong = {}
for kind in ("twins", "no twins"):
    wrong[kind] = 0
    for _ in range(200):
        births = numbers.permutation(5)
        bars = np.c_[births, births + numbers.integers(1, 5, 5)].astype(float)
        if kind == "twins":
            bars = np.r_[bars, bars[numbers.integers(5, size=2)]]
        assert np.allclose(gridded(bars), right(bars)), "changed: the control"
        wrong[kind] += not np.allclose(exact(bars)[0], right(bars))
    print(f"200 diagrams of whole numbers, {kind}: {wrong[kind]} have other functions")
assert wrong["no twins"] == 0 and wrong["twins"] > 20, "changed: the counts"
print("as described: what follows a bar that is there twice is there twice")
PYTHON
