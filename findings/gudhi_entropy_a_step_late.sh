#!/usr/bin/env bash
# gudhi 3.13.0, representations.Entropy(mode="vector") without a sample_range.
#
# Expected: the entropy summary function at the places of grid_, "the grid on which the entropy summary function is
#   computed": at t the sum of -p log p over the bars that are there at t.
# Real: the range is that of the diagrams and its ends are left out of the grid, so that grid_ begins a step after the
#   range. The indices are counted from the begin of the range: the function lies a step too far to the right. The value
#   at grid_[0] is that of the left end, the right end of the function is cut off. With a sample_range or keep_endpoints=
#   True it is right; Landscape, Silhouette and BettiCurve have the grid that they say.
# Why it matters: beside a Betti curve or a landscape of the same grid, which are the columns of one table, bars begin and
#   end at other places, at a resolution of 10 by a tenth of the range. What is there at the last places alone is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet gudhi==3.13.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from gudhi.representations import BettiCurve, Entropy


def right(diagram, grid):
    lengths = diagram[:, 1] - diagram[:, 0]
    share = lengths / lengths.sum()
    there = (diagram[:, :1] <= grid) & (grid < diagram[:, 1:])
    return -(share * np.log(share)) @ there


bars = np.array([[0.0, 4.0], [2.5, 6.0], [7.5, 10.0]])
entropy = Entropy(mode="vector", normalized=False, resolution=9).fit([bars])
print("places   ", entropy.grid_)
print("found    ", entropy.transform([bars])[0].round(3))
print("right    ", right(bars, entropy.grid_).round(3))
betti = BettiCurve(resolution=9, predefined_grid=entropy.grid_)(bars)
print("bars here", betti)
assert np.array_equal(betti > 0, right(bars, entropy.grid_) > 0), "the oracle"

rng = np.random.default_rng(0)
for trial in range(20):
    diagram = np.sort(rng.random((8, 2)), axis=1)
    for resolution in (10, 100):
        for kwargs in ({}, {"keep_endpoints": True}, {"sample_range": [0.1, 0.9]}):
            entropy = Entropy(mode="vector", normalized=False, resolution=resolution, **kwargs).fit([diagram])
            found, truth = entropy.transform([diagram])[0], right(diagram, entropy.grid_)
            if kwargs:
                inner = slice(0, -1) if "keep_endpoints" in kwargs else slice(None)  # the end of all bars is a matter of rounding
                assert np.allclose(found[inner], truth[inner]), "changed: the control"
            elif np.allclose(found, truth):
                raise SystemExit("changed: the places are those of the grid")
            else:
                moved = right(diagram, entropy.grid_ - entropy.step_)
                assert np.allclose(found[1:], moved[1:]), "changed: a step to the right"
print("as described: values are those of one step before")
PYTHON
