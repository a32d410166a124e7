#!/usr/bin/env bash
# PyTorch Geometric 2.8.1: nn.GAE, nn.DeepGraphInfomax, nn.GINConv, nn.GINEConv, nn.NNConv, nn.EdgeConv, nn.PointNetConv.
#
# Expected: a module that is built around a network of the user's, such as a trained encoder or a perceptron with
#   weights of its own, holds that network as it was given. nn.Sequential, nn.HeteroConv, nn.GPSConv, nn.DeepGCNLayer
#   and nn.AttentionalAggregation do.
# Real: these seven call reset_parameters() in their constructor, and that draws the parameters of the network anew:
#   the object that the user still holds has lost its weights. Nothing is said, and no page mentions it.
# Why it matters: an encoder that was trained, wrapped in GAE to score links, scores them at random; a perceptron that
#   was read from a file or initialised with care begins somewhere else. Load the state after wrapping, not before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch_geometric.nn import (
    GAE, AttentionalAggregation, DeepGCNLayer, DeepGraphInfomax, EdgeConv, GCNConv, GINConv, GINEConv, GPSConv,
    HeteroConv, NNConv, PointNetConv, Sequential,
)

torch.manual_seed(0)


def first(*values):
    return values[0]


CASES = {
    "GAE": (GCNConv(4, 4), GAE),
    "DeepGraphInfomax": (GCNConv(4, 4), lambda net: DeepGraphInfomax(4, net, first, first)),
    "GINConv": (nn.Linear(4, 4), GINConv),
    "GINEConv": (nn.Linear(4, 4), GINEConv),
    "NNConv": (nn.Linear(3, 16), lambda net: NNConv(4, 4, net)),
    "EdgeConv": (nn.Linear(8, 4), EdgeConv),
    "PointNetConv": (nn.Linear(7, 4), PointNetConv),
    "Sequential": (GCNConv(4, 4), lambda net: Sequential("x, e", [(net, "x, e -> x")])),
    "HeteroConv": (GCNConv(4, 4), lambda net: HeteroConv({("a", "to", "a"): net})),
    "GPSConv": (GCNConv(4, 4), lambda net: GPSConv(4, net)),
    "DeepGCNLayer": (GCNConv(4, 4), DeepGCNLayer),
    "AttentionalAggregation": (nn.Linear(4, 1), AttentionalAggregation),
}
redrawn = []
for name, (net, wrap) in CASES.items():
    before = [parameter.detach().clone() for parameter in net.parameters()]
    wrap(net)
    same = all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    print(f"{name:24} {'keeps' if same else 'redraws'} the weights of the network it is given")
    if not same:
        redrawn.append(name)
expected = ["GAE", "DeepGraphInfomax", "GINConv", "GINEConv", "NNConv", "EdgeConv", "PointNetConv"]
if redrawn != expected:
    raise SystemExit(f"changed: redrawn are {redrawn}")
print("as described: seven of them redraw it")
PYTHON
