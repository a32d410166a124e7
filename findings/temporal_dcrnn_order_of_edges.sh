#!/usr/bin/env bash
# torch-geometric-temporal 0.56.2, nn.recurrent.DCRNN (and BatchedDCRNN), through its DConv and BatchedDConv.
#
# Expected: the diffusion convolution of the paper that it names (Li et al., ICLR 2018), of D_O^-1 W and D_I^-1 W^T with
#   the weights W of the edges: each weight counts, and the order in which edges are stored says nothing.
# Real: the weights are summed up to the degrees, and no message is multiplied by one: each edge has 1 / degree, whether
#   it is strong or weak. And the edges turned round are sorted, while their factors stay in the order of the given
#   edges and are those of other ends: the same graph has other outputs after a permutation of its edges. Sorted edges
#   of an undirected graph are the one case in which factors and edges meet. Nothing is said.
# Why it matters: sensors on roads, which the layer is made for, are joined in one direction, with weights by distance.
#   A near sensor and one at the edge of the cut-off are heard alike, what comes back against the traffic is scaled by
#   the degrees of strangers, and a graph behind a loader or a split, whose edges are moved, is another model.
# The file with the layer is read by itself: the package asks for torch-sparse, which is compiled for each PyTorch and
#   which this file does not use.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/pip" install --quiet --no-deps torch-geometric-temporal==0.56.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import torch

PLACE = find_spec("torch_geometric_temporal").submodule_search_locations[0]
SPEC = spec_from_file_location("dcrnn", f"{PLACE}/nn/recurrent/dcrnn.py")
dcrnn = sys.modules["dcrnn"] = module_from_spec(SPEC)
SPEC.loader.exec_module(dcrnn)

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def right(conv, x, edge_index, weight, ones=False):
    """One step of diffusion along the edges and one against them; `ones` leaves the weights out of the messages."""
    n = len(x)
    degrees = [torch.zeros(n).index_add_(0, end, weight) for end in edge_index]
    out = x @ conv.weight[0, 0] + x @ conv.weight[1, 0]
    for k, (source, target) in enumerate((edge_index, edge_index.flip(0))):
        factor = (torch.ones_like(weight) if ones else weight) / degrees[k][source]
        out = out + torch.zeros_like(x).index_add_(0, target, factor[:, None] * x[source]) @ conv.weight[k, 1]
    return out


def graph(directed, n=12):
    found = torch.rand(n, n) < 0.3
    found[torch.arange(n), (torch.arange(n) + 1) % n] = True
    found = found.fill_diagonal_(False)
    return (found if directed else found | found.T).nonzero().T  # sorted


for name, batched in (("DConv", False), ("BatchedDConv", True)):
    conv = getattr(dcrnn, name)(4, 3, 2)
    for directed in (False, True):
        edge_index = graph(directed)
        x, ones = torch.randn(12, 4), torch.ones(edge_index.size(1))
        order = torch.randperm(edge_index.size(1))
        moved = (conv(x, edge_index, ones) - conv(x, edge_index[:, order], ones)).abs().max()
        error = (conv(x, edge_index, ones) - right(conv, x, edge_index, ones)).abs().max()
        kind = "directed" if directed else "undirected"
        print(f"{name}, {kind}, all weights 1: {error:.1e} from the definition with sorted edges,", end=" ")
        print(f"{moved:.2f} from itself with its edges in another order")
        if moved < 1e-9:
            raise SystemExit("changed: the order of the edges")
        assert (error > 1e-3) == directed, "changed: sorted edges"
        assert torch.allclose(right(conv, x, edge_index, ones), right(conv, x, edge_index[:, order], ones[order]))

    # Two weightings that give every node the same degrees: weights 1, and a cycle of 1.9 and one of 0.1 back.
    edge_index = torch.tensor([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]])
    one, two, x = torch.ones(6), torch.tensor([1.9, 0.1, 0.1, 1.9, 1.9, 0.1]), torch.randn(3, 4)
    found = (conv(x, edge_index, one) - conv(x, edge_index, two)).abs().max()
    wanted = (right(conv, x, edge_index, one) - right(conv, x, edge_index, two)).abs().max()
    print(f"{name}: weights 1.9 this way round and 0.1 that way move it by {found:.1e}, by definition by {wanted:.2f}")
    if found > 1e-9:
        raise SystemExit("changed: weights count")
    assert wanted > 0.1, "changed: the control"
    weight = torch.rand(6) + 0.1
    assert torch.allclose(conv(x, edge_index, weight), right(conv, x, edge_index, weight, ones=True)), "changed: 1 / degree"
print("as described: no message is weighted, and the factors of the edges turned round are those of others")
PYTHON
