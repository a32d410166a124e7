#!/usr/bin/env bash
# TopoModelX 0.0.1, SCNNLayer(initialization="xavier_normal").
#
# Expected: weights drawn from a normal distribution, as in SCCNNLayer beside it, whose default it is. A name that a
#   layer does not know is refused, and "xavier_normal" is one of the two names that the constructor lets through.
# Real: only "xavier_uniform" draws. The other one leaves the weights what the memory happened to hold, zeros, as a
#   rule, from a fresh page, or the numbers of a tensor that was freed, NaN included; a seed changes nothing, and
#   reset_parameters() leaves the weights of the last training. Nothing is said.
# Why it matters: with zeros the layer returns zeros, two such layers have no gradient at all and nothing is learned;
#   with another tensor's numbers a run cannot be repeated. A sweep over initialisations, or folds that call
#   reset_parameters(), go on from weights that have seen the test set.
# The package is installed without its bounds on others here (NumPy 1, a nightly build of PyG), which the layer does not
#   use. What is not drawn is filled with NaN by PyTorch's own switch, so that it can be seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-deps topomodelx==0.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from topomodelx.nn.simplicial.sccnn_layer import SCCNNLayer
from topomodelx.nn.simplicial.scnn_layer import SCNNLayer

torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True


def simplicial(name):
    return SCNNLayer(8, 8, conv_order_down=2, conv_order_up=2, initialization=name).weight


def with_nodes(name):
    return SCCNNLayer((8, 8, 8), (8, 8, 8), conv_order=2, sc_order=2, initialization=name).weight_0


for name in ("xavier_uniform", "xavier_normal"):
    for make in (simplicial, with_nodes):
        weight = make(name)
        missing = weight.isnan().sum().item()
        layer = "SCNNLayer" if make is simplicial else "SCCNNLayer"
        print(f"{layer}, {name}: {missing} of {weight.numel()} weights are not drawn, deviation {weight.std():.3f}")
        if make is simplicial and name == "xavier_normal":
            if missing == 0:
                raise SystemExit("changed: they are drawn")
            assert missing == weight.numel(), "changed: how many"
        else:
            assert missing == 0 and weight.std() > 0.01, "changed: the other layer, or the other name"
try:
    simplicial("xavier")
except AssertionError:
    print("a name that is not known is refused")
else:
    raise AssertionError("changed: any name is taken")
for name, kept in (("xavier_uniform", False), ("xavier_normal", True)):
    layer = SCNNLayer(8, 8, conv_order_down=1, conv_order_up=1, initialization=name)
    torch.nn.init.constant_(layer.weight, 7)
    layer.reset_parameters()
    print(f"{name}: reset_parameters() leaves {(layer.weight == 7).float().mean():.0%} of the weights as they were")
    assert bool((layer.weight == 7).all()) == kept, "changed: reset_parameters"
print("as described: xavier_normal draws nothing")
PYTHON
