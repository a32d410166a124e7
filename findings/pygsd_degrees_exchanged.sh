#!/usr/bin/env bash
# torch-geometric-signed-directed 1.2.0, utils.in_out_degree and utils.directed_features_in_out.
#
# Expected: "the in degrees and out degrees of nodes" in this order, or "in-pos, in-neg, out-pos, out-neg", as the page of
#   the first has it, of edges from edge_index[0] to edge_index[1]: those that torch_geometric.utils.degree counts. The
#   second prepares the input of DGCN (Tong et al. 2020): of two nodes the common sources, each over its out-degree, and
#   the common targets, each over its in-degree.
# Real: in the matrix with an entry (source, target) the sum of a column is taken for the out-degree and that of a row
#   for the in-degree. The first function returns the two exchanged, with and without signs. In the second a common
#   source is divided by its in-degree and a common target by its out-degree; where there is none, it is not divided at
#   all. Symmetric graphs are right. Nothing is said.
# Why it matters: the degrees are the features of nodes that have no others, and who is cited is read off the column of
#   who cites. In DGCN the division is there to keep hubs down: a survey that cites hundreds and is cited by none now
#   joins all that it cites with the full weight, instead of with a hundredth of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torch-geometric-signed-directed==1.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.utils import degree
from torch_geometric_signed_directed.utils import directed_features_in_out, in_out_degree

torch.manual_seed(0)
N = 30


def degrees(edge_index, size):
    return torch.stack([degree(edge_index[1], size), degree(edge_index[0], size)], dim=1)


def proximity(edge_index, size):
    """The two matrices that DGCN convolves with, as the library gives them."""
    _, edge_in, weight_in, edge_out, weight_out = directed_features_in_out(edge_index, size)
    shape = (size, size)
    return [torch.sparse_coo_tensor(*pair, shape).to_dense() for pair in ((edge_in, weight_in), (edge_out, weight_out))]


def by_definition(edge_index, size, exchanged=False):
    matrix = torch.sparse_coo_tensor(edge_index, torch.ones(edge_index.size(1)), (size, size)).to_dense()
    leave, arrive = matrix.sum(dim=1).clamp(min=1), matrix.sum(dim=0).clamp(min=1)
    if exchanged:
        leave, arrive = arrive, leave
    return [matrix.T @ (matrix / leave[:, None]), (matrix / arrive) @ matrix.T]


star = torch.tensor([[0] * 5, [1, 2, 3, 4, 5]])  # 0 cites five others
print("0 cites five others: [in, out] of node 0:", in_out_degree(star)[0].tolist(), "of node 1:", in_out_degree(star)[1].tolist())
print("  what joins 1 and 2, both cited by 0:", proximity(star, 6)[0][1, 2].item(), "where it should be 1 / 5")

drawn = (torch.rand(N, N) < 0.15).fill_diagonal_(False)
for name, matrix in (("symmetric", drawn | drawn.T), ("directed", drawn)):
    edge_index = matrix.nonzero().T
    found, right = in_out_degree(edge_index, N), degrees(edge_index, N)
    same = torch.equal(found, right), all(map(torch.allclose, proximity(edge_index, N), by_definition(edge_index, N)))
    print(f"a {name} graph: right degrees {same[0]}, right proximities {same[1]}")
    if name == "symmetric":
        assert all(same), "changed: the control"
        continue
    if any(same):
        raise SystemExit("changed: the degrees of a directed graph")
    assert torch.equal(found, right.flip(1)), "changed: which column is which"
    exchanged = by_definition(edge_index, N, exchanged=True)
    assert all(map(torch.allclose, proximity(edge_index, N), exchanged)), "changed: what is divided by"
    signs = torch.randint(2, (edge_index.size(1),)) * 2 - 1.0
    signed = in_out_degree(edge_index, N, signed=True, edge_weight=signs)
    parts = [degrees(edge_index[:, signs == sign], N) for sign in (1, -1)]
    arrive, leave = (torch.stack([part[:, column] for part in parts], dim=1) for column in (0, 1))
    assert torch.equal(signed, torch.cat([leave, arrive], dim=1)), "changed: degrees with signs"
print("as described: in is out, and out is in")
PYTHON
