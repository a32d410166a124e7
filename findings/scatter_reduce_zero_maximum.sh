#!/usr/bin/env bash
# torch 2.13.0, torch.scatter_reduce / index_reduce ("amax", include_self=False), on CPU.
#
# Expected: the gradient of a maximum goes to the entries that attain it, in shares that sum to 1,
#   whatever the value of the maximum is.
# Real: where the maximum is exactly 0 and equals the zeros that the output was made of, the buffer
#   takes a share of the gradient although include_self=False keeps it out of the maximum.
# Why it matters: after a ReLU the maximum over neighbours is 0 for many nodes, and max aggregation
#   is this call (PyG's scatter(reduce="max")): there half of the gradient, or more, is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch


def shares(value):
    x = torch.tensor([value, value - 1], requires_grad=True)
    empty = torch.zeros(1)
    out = empty.scatter_reduce(0, torch.tensor([0, 0]), x, "amax", include_self=False)
    out.sum().backward()
    return out.item(), x.grad.tolist()


found = {value: shares(value) for value in (2.0, 0.0, -2.0)}
for value, (maximum, gradient) in found.items():
    print(f"maximum {maximum:4.1f}: gradient {gradient}, sum {sum(gradient)}")
assert found[2.0][1] == [1.0, 0.0] and found[-2.0][1] == [1.0, 0.0], "changed"
assert found[0.0] == (0.0, [0.5, 0.0]), "changed: a maximum of 0 keeps its gradient"
print("as described: a maximum of exactly 0 passes on half of its gradient")
PYTHON
