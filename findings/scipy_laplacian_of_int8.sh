#!/usr/bin/env bash
# scipy 1.17.1, scipy.sparse.csgraph.laplacian on an adjacency matrix of int8.
#
# Expected: degrees that do not fit into the type of the matrix are computed in a wider one (the
#   documentation of `dtype` says that the default is that of the matrix, or float64 for normed), or
#   refused.
# Real: a node with 200 neighbours gets the degree -56, without a word.
# Why it matters: graph formats and libraries store unweighted adjacency as int8 or uint8 (a byte an
#   entry); the spectrum of such a Laplacian, its resistances and its gap are then nonsense.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import laplacian

size = 201  # a star: its middle has 200 neighbours
row = np.r_[np.zeros(200, int), np.arange(1, size)]
col = np.r_[np.arange(1, size), np.zeros(200, int)]
found = {}
for kind in (np.int8, np.int64):
    star = csr_array((np.ones(400, kind), (row, col)), shape=(size, size))
    found[kind.__name__] = int(laplacian(star).diagonal()[0])
    print(f"{kind.__name__}: degree of the middle in the Laplacian is {found[kind.__name__]}")
assert found == {"int8": -56, "int64": 200}, f"changed: {found}"
print("as described: the degree wraps around")
PYTHON
