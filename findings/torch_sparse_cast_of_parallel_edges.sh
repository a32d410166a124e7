#!/usr/bin/env bash
# torch 2.13.0, conversion of a sparse COO tensor that is not coalesced to another type: bool(), int(), to().
#
# Expected: the tensor is the sum of its entries, as abs(), sqrt(), to_dense() and the product with a matrix
#   have it; A.bool().float() has a 1 where A is not 0, and int() rounds the numbers of A.
# Real: the entries are converted one by one and added afterwards: A.bool().float() counts parallel entries,
#   those that add up to 0, too; int() adds rounded parts.
# Why it matters: torch.sparse_coo_tensor(edge_index, weight) of a multigraph is not coalesced, and bool() is
#   how weights and parallel edges are left out: degrees, normalisation and k-hop counts stay those of the
#   multigraph. A.coalesce() first gives what is meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch

edges = torch.tensor([[0, 0, 0, 1, 2, 2], [1, 1, 1, 2, 0, 0]])  # 0 - 1 three times, 2 - 0 with 1 and -1
weight = torch.tensor([0.5, 0.75, 0.5, 2.0, 1.0, -1.0])
plain = torch.sparse_coo_tensor(edges, weight, (3, 3))
dense, coalesced = plain.to_dense(), plain.coalesce()
assert not plain.is_coalesced() and torch.equal(coalesced.to_dense(), dense)
one = torch.eye(3)
CASES = {
    "abs": lambda a: a.abs(),
    "square": lambda a: a.square(),
    "mm": lambda a: a @ one,
    "bool, float": lambda a: a.bool().float(),
    "int, float": lambda a: a.int().float(),
}
wrong = []
for name, run in CASES.items():
    found, expected = (out.to_dense() if out.is_sparse else out for out in (run(plain), run(dense)))
    told = run(coalesced)
    assert torch.equal(told.to_dense() if told.is_sparse else told, expected), "changed: coalesced"
    print(f"{name:12} A {found.flatten().tolist()}, dense {expected.flatten().tolist()}")
    if not torch.equal(found, expected):
        wrong.append(name)
if wrong != ["bool, float", "int, float"]:
    raise SystemExit(f"changed: {wrong} differ")
degrees = (plain.bool().float() @ one.sum(1)).tolist(), (coalesced.bool().float() @ one.sum(1)).tolist()
print("degrees of the graph without weights:", *degrees)
assert degrees == ([3, 1, 2], [1, 1, 0]), "changed: degrees"
print("as described: entries are converted before they are added")
PYTHON
