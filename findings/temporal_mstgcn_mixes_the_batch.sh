#!/usr/bin/env bash
# torch-geometric-temporal 0.56.2, nn.attention.MSTGCNBlock, and with it MSTGCN, where the edges are one tensor.
#
# Expected: x is (B, N_nodes, F_in, T_in), as its page says, and each sample and each step is a signal on the graph: a
#   sample has the same output alone and in a batch, and a node hears its neighbours. "An array of a list of Tensor
#   arrays, depending on whether edges change over time": the same edges in a list, once for each step, are the same.
# Real: the axes are (F, B, N, T) when the samples are laid side by side for the convolution, and the numbers are dealt
#   out as if they were (N, F, T, B): a row of them is a node, whatever is in it. A node hears other nodes, features and
#   samples, by the size of the batch. A list of edges takes another way and is right, and so is one sample with one
#   feature. Nothing is said.
# Why it matters: the layer is trained in batches of 32 and compared as the plain form of ASTGCN. What it smooths over is
#   not the graph, across components, too, and a forecast is another one by what else is asked at the same time.
# The module is loaded by itself here, since the package imports torch-sparse for another layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/pip" install --quiet --no-deps torch-geometric-temporal==0.56.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import torch

PLACE = find_spec("torch_geometric_temporal").submodule_search_locations[0]
SPEC = spec_from_file_location("mstgcn", f"{PLACE}/nn/attention/mstgcn.py")
mstgcn = module_from_spec(SPEC)
SPEC.loader.exec_module(mstgcn)

torch.manual_seed(0)
SAMPLES, NODES, STEPS = 4, 8, 6
edges = torch.tensor([(i, i + 1) for i in (0, 1, 2, 4, 5, 6)]).T  # two paths of four nodes
edge_index = torch.cat([edges, edges.flip(0)], dim=1)
one, each = edge_index, [edge_index] * STEPS


def heard(block, x, graph, sample, node):
    """Which nodes of which samples the output of one node depends on."""
    x = x.clone().requires_grad_()
    block(x, graph)[sample, node].sum().backward()
    return [tuple(place) for place in (x.grad.abs().amax(dim=(2, 3)) > 0).nonzero().tolist()]


with torch.no_grad():
    x = torch.randn(1, NODES, 1, STEPS)
    block = mstgcn.MSTGCNBlock(1, 2, 5, 5, 1)
    assert torch.allclose(block(x, one), block(x, each), atol=1e-4), "changed: one sample with one feature"
for features in (1, 3):
    x = torch.randn(SAMPLES, NODES, features, STEPS)
    block = mstgcn.MSTGCNBlock(features, 2, 5, 5, 1)  # K = 2: a node and its neighbours
    with torch.no_grad():
        alone = torch.cat([block(sample[None], each) for sample in x])
        assert torch.allclose(block(x, each), alone, atol=1e-4), "changed: edges as a list"
        apart = (block(x, one) - alone).abs().max().item()
    found, right = heard(block, x, one, 1, 6), heard(block, x, each, 1, 6)
    print(f"{features} feature(s), a batch of {SAMPLES}: the outputs are off by up to {apart:.1f} (they are normalised)")
    print(f"  node 6 of sample 1 hears (sample, node) {found}; by the graph {right}")
    if apart < 1e-3 or found == right:
        raise SystemExit("changed: what a node hears")
    assert right == [(1, 5), (1, 6), (1, 7)], "changed: the control"
    assert {sample for sample, _ in found} > {1} and min(node for _, node in found) < 4, "changed: what a node hears"
with torch.no_grad():  # several features are mixed in one sample, too
    off = (block(x[:1], one) - block(x[:1], each)).abs().max().item()
print(f"3 features, a batch of one: off by up to {off:.1f}")
assert off > 1e-3, "changed: one sample with several features"
print("as described: nodes, features and samples are dealt out anew")
PYTHON
