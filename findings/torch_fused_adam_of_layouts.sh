#!/usr/bin/env bash
# torch 2.13.0 on a CPU: Adam, AdamW, SGD and Adagrad with fused=True.
#
# Expected: fused=True changes how many passes a step takes, not what it computes; on a GPU it refuses
#   tensors of different strides (pytorch/pytorch#106951).
# Real: on a CPU a parameter, its gradient and its moments are read as flat memory, whatever their strides. A
#   gradient that is a transposed matrix moves the wrong entries, an expanded one is read past its end, and a
#   parameter that is a slice writes into what lies between. Nothing is said.
# Why it matters: gradients that are put there (autograd.grad, clipping by hand, several processes) or made
#   with create_graph=True are often transposed; the loss still falls. Without fused=True all are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch

torch.set_default_dtype(torch.float64)
OPTIMIZERS = {
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "SGD": torch.optim.SGD,
    "Adagrad": torch.optim.Adagrad,
}
LAYOUTS = {
    "contiguous": lambda: (torch.randn(4, 3), torch.randn(4, 3)),
    "transposed gradient": lambda: (torch.randn(4, 3), torch.randn(3, 4).t()),
    "transposed parameter": lambda: (torch.randn(3, 4).t(), torch.randn(4, 3)),
    "sliced parameter": lambda: (torch.randn(4, 6)[:, ::2], torch.randn(4, 3)),
}


def step(kind, layout, fused):
    """The parameter after a step."""
    torch.manual_seed(0)
    value, gradient = LAYOUTS[layout]()
    parameter = torch.nn.Parameter(value)
    parameter.grad = gradient
    OPTIMIZERS[kind]([parameter], lr=0.1, fused=fused).step()
    return parameter.detach()


wrong = 0
for kind in OPTIMIZERS:
    for layout in LAYOUTS:
        gap = float((step(kind, layout, True) - step(kind, layout, False)).abs().max())
        print(f"{kind}, {layout}: fused differs by {gap:.2g}")
        assert layout != "contiguous" or gap < 1e-9, "changed: contiguous tensors"
        wrong += layout != "contiguous" and gap > 1e-2
if wrong == 0:
    raise SystemExit("changed: fused=True is what it is without")
print(f"as described: {wrong} of {3 * len(OPTIMIZERS)} steps move the wrong entries")
PYTHON
