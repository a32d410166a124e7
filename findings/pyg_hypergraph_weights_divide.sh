#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.HypergraphConv with hyperedge_weight.
#
# Expected: the formula of its page (and of Bai, Zhang and Torr, whom it names), D^-1 H W B^-1 H^T X Theta: each
#   hyperedge speaks with its weight, and D, the sum of the weights at a node, makes a mean of it. Doubling all weights
#   changes nothing, and constant features stay constant.
# Real: the weights are in D alone, W is left out: a node hears its hyperedges all alike, and the sum is divided by the
#   sum of their weights. Where all weights are w the output is divided by w. Nothing is said.
# Why it matters: the more weight a node's hyperedges have, the less it hears, of the heavy and the light alike: weights
#   that should favour what is sure put it out. Which hyperedge has which weight is no matter as long as the sums at the
#   nodes stay, and what is learned of them is a size of the output.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import HypergraphConv

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
nodes, edges = 8, 5
h = (torch.rand(nodes, edges) < 0.5).double()
h[torch.arange(nodes), torch.arange(nodes) % edges] = 1
index = h.nonzero().T
x, ones = torch.randn(nodes, 3), torch.ones(edges)
conv = HypergraphConv(3, 4, bias=False)


def formula(x, weight, between=True):
    """D^-1 H W B^-1 H^T X Theta, or without W in the middle."""
    mean = (h.T @ x) / h.sum(dim=0)[:, None]
    told = h @ (weight[:, None] * mean if between else mean)
    return conv.lin(told / (h @ weight)[:, None])


assert torch.allclose(conv(x, index), formula(x, ones)), "changed: without weights"
for name, weight in (("random", torch.rand(edges) + 0.1), ("all 2", 2 * ones), ("all 0.1", 0.1 * ones)):
    found, right = conv(x, index, weight), formula(x, weight)
    error, largest = (found - right).abs().max(), right.abs().max()
    print(f"weights {name}: {error:.3f} from the formula, whose values go up to {largest:.3f}")
    if torch.allclose(found, right):
        raise SystemExit("changed: W is there")
    assert torch.allclose(found, formula(x, weight, between=False)), "changed: the divisor"

# Node 0 in two hyperedges, {0, 1} and {0, 2}: weights of 1.9 and 0.1, and the reverse.
index = torch.tensor([[0, 1, 0, 2], [0, 0, 1, 1]])
h = torch.zeros(3, 2).index_put_(tuple(index), torch.tensor(1.0))
x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
heavy, light = torch.tensor([1.9, 0.1]), torch.tensor([0.1, 1.9])
found = (conv(x, index, heavy)[0] - conv(x, index, light)[0]).abs().max()
wanted = (formula(x, heavy)[0] - formula(x, light)[0]).abs().max()
print(f"a node in two hyperedges, 1.9 and 0.1 or 0.1 and 1.9: {found:.1e} apart, by the formula {wanted:.2f}")
assert found < 1e-12 and wanted > 0.1, "changed: which one is heavy"
constant = torch.ones(3, 3)
parts = [(conv(constant, index, weight) / conv(constant, index))[:, 0].tolist() for weight in (heavy, 2 * ones[:2])]
lists = ["[" + ", ".join(f"{value:.2f}" for value in part) + "]" for part in parts]
print("features of 1 come out as", " and ".join(lists), "times what they are without weights")
print("as described: the weights divide and do not multiply")
PYTHON
