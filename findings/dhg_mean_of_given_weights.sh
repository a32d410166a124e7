#!/usr/bin/env bash
# DHG 0.9.7 (DeepHypergraph), aggr="mean" with weights handed over: Graph.v2v, Hypergraph.v2e and Hypergraph.e2v.
#
# Expected: a weighted mean, sum(w x) / sum(w), as with the weights that the graph was made with: a mean lies between
#   the smallest and the largest value, constant features stay as they are, and weights of 1 change nothing.
# Real: where e_weight, v2e_weight or e2v_weight is handed over, the sum of the weights is named D_v_neg_1 and is not
#   inverted: sum(w x) is multiplied by sum(w). Weights of 1 give the mean times the square of the degree. Nothing is
#   said. "sum" and "softmax_then_sum" are right.
# Why it matters: weights are handed over where they are learned or depend on the batch, attention among them. A hub
#   with 100 neighbours has 10,000 times its mean, two layers have the fourth power of it, and doubling all weights,
#   which a mean does not see, is a factor of four. Small weights give next to nothing in the same way.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2 optuna==5.0.0 requests==2.34.2
"$folder/venv/bin/pip" install --quiet --no-deps dhg==0.9.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import dhg
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
n = 12
pairs = [(i, j) for i in range(n) for j in range(i) if torch.rand(()) < 0.4]
graph = dhg.Graph(n, pairs)
hypergraph = dhg.Hypergraph(n, [tuple(range(k, min(k + 2 + k % 4, n))) for k in range(n - 1)])
x, y = torch.randn(n, 3), torch.randn(hypergraph.num_e, 3)


def mean(matrix, weight, features):
    """sum(w x) / sum(w) over the entries of a row, and the same sum without and with sum(w) as a factor."""
    dense = torch.sparse_coo_tensor(matrix._indices(), weight, matrix.shape).to_dense()
    total = dense.sum(dim=1, keepdim=True)
    summed = dense @ features
    return summed / total.clamp(min=1e-12), summed, summed * total


def given(kind, weight, aggr):
    if kind == "Graph.v2v":
        return graph.v2v(x, aggr=aggr, e_weight=weight)
    if kind == "Hypergraph.v2e":
        return hypergraph.v2e(x, aggr=aggr, v2e_weight=weight)
    return hypergraph.e2v(y, aggr=aggr, e2v_weight=weight)


matrices = {"Graph.v2v": (graph.A, x), "Hypergraph.v2e": (hypergraph.H_T, x), "Hypergraph.e2v": (hypergraph.H, y)}
for kind, (matrix, features) in matrices.items():
    ones = torch.ones(matrix._nnz())
    right = mean(matrix, ones, features)[0]
    assert torch.allclose(given(kind, None, "mean").double(), right), "changed: the mean without weights"
    found = given(kind, ones, "mean")
    print(f"{kind} with all weights 1: {(found - right).abs().max():.2f} from the mean without weights")
    if torch.allclose(found, right):
        raise SystemExit("changed: it is divided")
    for scale in (0.01, 1.0, 2.0):
        weight = scale * (torch.rand(matrix._nnz()) + 0.5)
        right, summed, wrong = mean(matrix, weight, features)
        found = given(kind, weight, "mean")
        largest = found.abs().max(), right.abs().max()
        print(f"  random weights times {scale:g}: values up to {largest[0]:.3g}, by definition {largest[1]:.3g}")
        assert torch.allclose(found, wrong), "changed: the sum is a factor"
        assert torch.allclose(given(kind, weight, "sum"), summed), "changed: the sum"
print("as described: the sum of the weights is a factor, not the divisor")
PYTHON
