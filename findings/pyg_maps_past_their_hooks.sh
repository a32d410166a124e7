#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.TAGConv, nn.ChebConv and nn.MixHopConv.
#
# Expected: a hook on one of the maps in conv.lins is called when the map runs, as it is on those of GCNConv, SAGEConv
#   and ARMAConv: register_forward_hook, forward_pre_hook, and whatever PyTorch builds on them.
# Real: only the first map of TAGConv and MixHopConv and the first two of ChebConv are called as modules; of the others
#   forward is called, past the hooks. Nothing is said. An adapter that is hung on every map is part of the network at
#   the first of them only, though all its weights are in the optimiser; recorded activations lack the further hops.
# Why it matters: low-rank adapters, activation statistics, counters of FLOPs and editing of hidden features work by
#   such hooks, and a layer of K hops looks as if it had one. Put a module in place of the map, not a hook on it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch_geometric.nn import ChebConv, Linear, MixHopConv, SAGEConv, TAGConv

torch.manual_seed(0)
x = torch.randn(5, 4)
edge_index = torch.tensor([[0, 1, 2, 3, 4, 1], [1, 2, 3, 4, 0, 0]])
adapters = {}


def adapted(conv):
    """Hang the same kind of adapter on every map, and return the adapters in their order."""
    hung = []
    for lin in [module for module in conv.modules() if isinstance(module, Linear)]:
        down = nn.Linear(lin.weight.size(1), lin.weight.size(0), bias=False)
        lin.register_forward_hook(lambda module, given, out, down=down: out + down(given[0]))
        hung.append(down)
    return hung


for conv, heard in (
    (SAGEConv(4, 3), [0, 1]),
    (TAGConv(4, 3, K=3), [0]),
    (ChebConv(4, 3, K=4), [0, 1]),
    (MixHopConv(4, 3, powers=[0, 1, 2]), [0]),
):
    name, hung = type(conv).__name__, adapted(conv)
    found = conv(x, edge_index)
    if found.requires_grad:
        found.square().sum().backward()
    learning = [place for place, down in enumerate(hung) if down.weight.grad is not None]
    print(f"{name}: {len(hung)} maps, adapters that are part of the network: {learning}")
    if learning != heard:
        raise SystemExit("changed: which maps are called as modules")
    assert all(lin.weight.grad is not None for lin in conv.modules() if isinstance(lin, Linear)), "changed: a map that is unused"

    class Adapted(nn.Module):
        """The same as a module in place of the map: the control."""

        def __init__(self, lin, down):
            super().__init__()
            self.lin, self.down = lin, down

        def forward(self, given):
            self.lin._forward_hooks.clear()
            return self.lin(given) + self.down(given)

    if hasattr(conv, "lins"):
        conv.lins = nn.ModuleList(Adapted(lin, down) for lin, down in zip(conv.lins, hung))
        for down in hung:
            down.weight.grad = None
        other = conv(x, edge_index)
        other.square().sum().backward()
        assert all(down.weight.grad is not None for down in hung), "changed: the control"
        assert not torch.allclose(found, other), "changed: the hooks make no difference"
print("as described: hooks on the later maps are not called")
PYTHON
