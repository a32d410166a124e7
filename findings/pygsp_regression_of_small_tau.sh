#!/usr/bin/env bash
# PyGSP 0.6.1, learning.regression_tikhonov.
#
# Expected: the minimiser of |M x - y|^2 + tau x^T L x, as its page says, and the harmonic interpolation of the measured
#   values for tau = 0, which is what the former comes to as tau falls.
# Real: for tau > 0 conjugate gradients are run at SciPy's default accuracy, a residual of 1e-5 of the size of y. At a
#   node that is not measured the equation is tau (L x) = 0, so that its whole residual has the factor tau: for a small
#   tau the start, 0 at all such nodes, is good enough, or a few steps are. Whether it converged, "res" in the code, is
#   not looked at either. For tau = 0 the system is solved, and the values are written into a copy of y: measurements of
#   whole numbers come back as whole numbers, cut off.
# Why it matters: small values of tau say that measurements are precise. From 1e-4 on downwards the nodes between them
#   are off by a tenth of the range, and soon by all of it, drawn to 0; a search for the best tau finds that less of
#   it is worse, and tau = 0 the best of all. Counts, ratings and ages are whole numbers. classification_tikhonov is
#   built on it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet pygsp==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from pygsp import graphs, learning


def minimiser(laplacian, y, mask, tau):
    if tau > 0:
        return np.linalg.solve(np.diag(mask * 1.0) + tau * laplacian, mask * y)
    x, rest = y.astype(float), ~mask
    x[rest] = np.linalg.solve(laplacian[rest][:, rest], -laplacian[rest][:, mask] @ x[mask])
    return x


grid = graphs.Grid2d(12)
laplacian = grid.L.toarray()
row, column = np.divmod(np.arange(144), 12)
signal = row + 2.0 * column + 10  # between 10 and 43, and harmonic but for the rim
mask = np.random.default_rng(0).random(144) < 0.3
errors = {}
for tau in (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 0):
    found = learning.regression_tikhonov(grid, signal.copy(), mask, tau=tau)
    right = minimiser(laplacian, signal, mask, tau)
    errors[tau] = np.abs(found - right).max() / np.ptp(signal)
    miss = [np.abs(values - signal)[~mask].mean() for values in (found, right)]
    print(f"tau = {tau:g}: off by up to {errors[tau]:.1%} of the range; mean error between the measurements", end=" ")
    print(f"{miss[0]:.2f}, of the minimiser {miss[1]:.2f}")
assert max(errors[tau] for tau in (1.0, 0.1, 0)) < 1e-3, "changed: the controls"
if errors[1e-5] < 1e-2:
    raise SystemExit("changed: small values of tau are solved for")
assert errors[1e-4] > 0.02 and errors[1e-6] > 0.3, "changed: how far off"

path = graphs.Path(6)
ends = np.array([True, False, False, False, False, True])
for y in (np.array([0, 0, 0, 0, 0, 3]), np.array([0.0, 0, 0, 0, 0, 3])):
    found = learning.regression_tikhonov(path, y, ends, tau=0)
    print(f"0 and 3 at the ends of a path of six, as {y.dtype}: {found}")
    right = np.linspace(0, 3, 6)
    assert np.allclose(found, right if y.dtype == float else np.trunc(right + 1e-9)), "changed: whole numbers"
print("as described: a small tau leaves what is not measured near 0, and whole numbers stay whole")
PYTHON
