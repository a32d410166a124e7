#!/usr/bin/env bash
# TopoModelX 0.0.1, SCCNNLayer(aggr_norm=True).
#
# Expected: "whether to normalize the aggregated message by the neighborhood size", as its page says: what comes from
#   the neighbours is divided by how many they are.
# Real: the size is taken to be the sum of the entries of a row, with their signs. A graph Laplacian sums to 0 in every
#   row by construction; the inverse of 0 is set to 0, and so is all that came from the neighbours. Edges are divided by
#   what is left of +1 and -1: by 2, by -1, or by 0 again. Nothing is said.
# Why it matters: nodes learn from themselves and their own edges alone, whatever the order of the filter is: the hops
#   that the layer is there for are gone, and with them most of its weights, whose gradient is 0. For edges the factor,
#   and its sign, depend on how the edges happen to be oriented. Comparisons with and without the normalisation, as in
#   sweeps, have a network without message passing on one side.
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
from itertools import combinations

import torch
from topomodelx.nn.simplicial.sccnn_layer import SCCNNLayer

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
triangles = [(i, i + 1, i + 2) for i in range(8)]  # a strip of eight
edges = sorted({pair for three in triangles for pair in combinations(three, 2)})
b1 = torch.zeros(10, len(edges))
b2 = torch.zeros(len(edges), len(triangles))
for column, (i, j) in enumerate(edges):
    b1[i, column], b1[j, column] = -1, 1
for column, (i, j, k) in enumerate(triangles):
    for pair, sign in (((j, k), 1), ((i, k), -1), ((i, j), 1)):
        b2[edges.index(pair), column] = sign
assert (b1 @ b2 == 0).all() and (b1 @ b1.T).sum(dim=1).abs().max() == 0


def run(layer, x, flips=None):
    """The layer on the strip, with the edges in `flips` turned round, which must only turn their outputs round."""
    sign = torch.ones(len(edges)) if flips is None else flips
    first, second = b1 * sign, sign[:, None] * b2
    laplacians = [first @ first.T, first.T @ first, second @ second.T, second.T @ second]
    nodes, on_edges, faces = layer((x[0], sign[:, None] * x[1], x[2]), laplacians, (first, second))
    return nodes, sign[:, None] * on_edges, faces


x = [torch.randn(count, 3) for count in (10, len(edges), len(triangles))]
other = [x[0].clone(), *x[1:]]
other[0][0] += 1  # only node 0 is another one
flips = torch.where(torch.rand(len(edges)) < 0.5, -1.0, 1.0)
for norm in (False, True):
    layer = SCCNNLayer((3, 3, 3), (2, 2, 2), conv_order=3, sc_order=2, aggr_norm=norm)
    one, two, turned = run(layer, x), run(layer, other), run(layer, x, flips)
    reached = ((one[0] - two[0]).abs().amax(dim=1) > 1e-12).nonzero().flatten().tolist()
    one[0].square().sum().backward()
    unused = int((layer.weight_0.grad.abs().amax(dim=(0, 1)) < 1e-12).sum())
    moved = max((a - b).abs().max().item() for a, b in zip(one, turned, strict=True))
    print(f"aggr_norm={norm}: node 0 changes the outputs of nodes {reached};", end=" ")
    print(f"{unused} of {layer.weight_0.size(2)} maps of the nodes have no gradient;", end=" ")
    print(f"with some edges turned round the outputs are {moved:.1e} away")
    if norm:
        if reached != [0]:
            raise SystemExit("changed: nodes have neighbours")
        assert unused == 6 and moved > 0.1, "changed: what else is lost"
    else:
        assert reached == list(range(7)) and unused == 0 and moved < 1e-9, "changed: the layer without normalisation"
print("as described: the rows are divided by their sums, which are 0 for nodes")
PYTHON
