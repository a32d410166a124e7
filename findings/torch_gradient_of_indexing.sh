#!/usr/bin/env bash
# torch 2.13.0 on a CPU with two threads or more: the gradient of x[index].
#
# Expected: two runs of one seed on one machine give the same numbers on a CPU, as index_select, gather and
#   F.embedding do, which compute the same.
# Real: the gradient of x[index], where the index names a row twice, is summed by atomic additions of all
#   threads: bits differ from call to call. No seed helps, one thread or torch.use_deterministic_algorithms
#   does, whose page names index_put_ on a CPU; nothing says that indexing comes to it.
# Why it matters: h[pairs[0]] * h[pairs[1]] is how links are scored and x[batch] how graphs talk to their
#   nodes; such a network trains to other weights each time. h.index_select(0, pairs[0]) is as fast.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch

torch.manual_seed(0)
x, index, weight = torch.randn(200, 16, requires_grad=True), torch.randint(200, (20000,)), torch.randn(20000, 16)
WAYS = {
    "x[index]": lambda: x[index],
    "x.index_select(0, index)": lambda: x.index_select(0, index),
    "x.gather(0, ...)": lambda: x.gather(0, index[:, None].expand(-1, 16)),
    "F.embedding(index, x)": lambda: torch.nn.functional.embedding(index, x),
}


def gradients(way):
    """How many gradients come out of 50 calls, and how far the last is from that in float64."""
    found = [torch.autograd.grad((WAYS[way]() * weight).sum(), x)[0] for _ in range(50)]
    exact = torch.zeros(200, 16).double().index_add(0, index, weight.double())
    assert torch.allclose(found[-1].double(), exact, atol=1e-3), "changed: the value"
    return len({gradient.numpy().tobytes() for gradient in found})


found = {}
for threads in (1, 4):
    torch.set_num_threads(threads)
    for way in WAYS:
        found[way, threads] = gradients(way)
        print(f"{way}, {threads} threads: {found[way, threads]} different gradients in 50 calls")
torch.use_deterministic_algorithms(True)
strict = gradients("x[index]")
print(f"x[index], 4 threads, deterministic algorithms: {strict}")
assert strict == 1 and all(found[key] == 1 for key in found if key != ("x[index]", 4)), "changed: the others"
if found["x[index]", 4] == 1:
    raise SystemExit("changed: x[index] has one gradient")
print("as described: the gradient of x[index] is another each time")
PYTHON
