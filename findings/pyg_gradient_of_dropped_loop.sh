#!/usr/bin/env bash
# torch-geometric 2.8.1, the gradient of edge weights of GCNConv where a node has two self-loops.
#
# Expected: the gradient of each weight is the slope of the output in it, whatever the graph.
# Real: add_remaining_self_loops writes the weights of loops by their nodes, so that of two loops at
#   one node the last counts and the output does not change with the other; the backward pass hands
#   what belongs to the last to both. The weight that counts for nothing gets a gradient, too.
# Why it matters: learned edge weights, edge masks and gradient attributions of a multigraph move, or
#   blame, an edge that the network does not read; gradient checks of such a layer fail.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import torch
from torch_geometric.nn import GCNConv, SGConv

edges = torch.tensor([[0, 1, 1, 1, 2, 0], [1, 0, 1, 1, 0, 2]])  # the loop of node 1 comes twice
given = torch.tensor([1.0, 0.8, 0.6, 1.4, 1.2, 0.7], dtype=torch.float64)
x = torch.tensor([[1.0, -2.0], [0.5, 3.0], [-1.0, 2.0]], dtype=torch.float64)
step, dropped = 1e-6, 2

for kind in (GCNConv, SGConv):
    torch.manual_seed(0)
    layer = kind(2, 1).double()

    def total(weight):
        return layer(x, edges, weight).sum()

    weight = given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(weight), weight)
    slopes = []
    with torch.no_grad():
        for edge in range(len(given)):
            ahead, behind = given.clone(), given.clone()
            ahead[edge] += step
            behind[edge] -= step
            slopes.append(float(total(ahead) - total(behind)) / (2 * step))
    print(f"{kind.__name__}: gradients", [round(float(g), 6) for g in gradient])
    print(f"{kind.__name__}: slopes   ", [round(s, 6) for s in slopes])
    apart = [edge for edge in range(len(given)) if abs(float(gradient[edge]) - slopes[edge]) > 1e-6]
    assert apart == [dropped], apart
    assert slopes[dropped] == 0 and float(gradient[dropped]) == float(gradient[dropped + 1]) != 0
print("the loop that is dropped has the gradient of the one that counts")
PYTHON
