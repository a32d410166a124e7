#!/usr/bin/env bash
# TopoModelX 0.0.1, HyperSAGELayer.
#
# Expected: the last step on its page (and in Arya et al. 2020, whom it names): the features of node x and what came to
#   it, divided by their length |m_x + h_x|, a number of each node, and multiplied by the weights.
# Real: the matrix of all nodes is divided by its own length, one number for all. Every node sees every other, whether
#   an edge leads there or not, and the outputs shrink with the root of the number of nodes. Nothing is said.
# Why it matters: the layer is made for nodes that come later ("inductive", in its title). Two hypergraphs in one batch
#   have other outputs than each by itself, here by a factor of 1.4, a hypergraph among 99 others a tenth, and one node
#   with large features puts all others out. A model that was trained on a part and is run on the whole sees inputs of
#   another size.
# The package is installed without its bounds on others here (NumPy 1, a nightly build of PyG), which the layer does not
#   use.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-deps topomodelx==0.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from topomodelx.nn.hypergraph.hypersage_layer import HyperSAGELayer

torch.manual_seed(0)
incidence = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]])
x = torch.rand(5, 4)
layer = HyperSAGELayer(4, 3, update_func="sigmoid")


def before(x, incidence):
    """x and the message of the edges, generalised means of the power 2 as on the page, and the output in logits."""
    sizes = incidence.sum(dim=0)
    edges = (incidence.T @ x.square() / sizes[:, None]).sqrt()
    out = []
    for row in incidence.bool():
        share = sizes[row] / sizes[row].sum()
        out.append((share[:, None] * edges[row]).square().mean(dim=0).sqrt())
    return x + torch.stack(out)


def output(x, incidence):
    return layer(x, incidence.to_sparse()).logit()


alone = output(x, incidence)
summed = before(x, incidence)
by_node = summed / summed.norm(dim=1, keepdim=True) @ layer.weight
by_all = summed / summed.norm() @ layer.weight
print(f"one hypergraph of 5 nodes: {(alone - by_node).abs().max():.3f} from the formula of the page")
if torch.allclose(alone, by_node, atol=1e-5):
    raise SystemExit("changed: each node has its own length")
assert torch.allclose(alone, by_all, atol=1e-5), "changed: one length for all"
for copies in (2, 100):
    together = output(x.repeat(copies, 1), torch.block_diag(*[incidence] * copies))[:5]
    ratio = (alone.norm() / together.norm()).item()
    print(f"the same one beside {copies - 1} more: its outputs are {ratio:.2f} times smaller")
    assert abs(ratio - copies**0.5) < 1e-2 * ratio, "changed: the root of the number of nodes"
loud = torch.block_diag(incidence, torch.ones(2, 1))
beside = output(torch.cat([x, 1000 * torch.ones(2, 4)]), loud)[:5]
print(f"beside an edge of two nodes with features of 1000: {beside.abs().max():.1e}, alone {alone.abs().max():.2f}")
assert beside.abs().max() < 0.01 * alone.abs().max(), "changed: the neighbour that is none"
print("as described: all nodes are divided by the length of the whole matrix")
PYTHON
