#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.RandomLinkSplit(is_undirected=True).
#
# Expected: pairs to be judged differ in nothing but whether they are joined; the order of the two ends
#   of an undirected pair says nothing.
# Real: every edge of edge_label_index has its smaller node first, while the pairs that are no edges
#   are drawn in both orders. "The first is the smaller", which has looked at no graph, scores a ROC-AUC
#   of 0.75, on a graph without any structure, too.
# Why it matters: a scorer that is not symmetric in its ends (an MLP on [h_u, h_v], a bilinear form),
#   with features that tell of the order (identifiers, years, positions, eigenvectors), learns the order
#   and reports it as skill. Give it both orders, or sort the ends of the drawn pairs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from sklearn.metrics import roc_auc_score
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import remove_self_loops, to_undirected

torch.manual_seed(0)
drawn, _ = remove_self_loops(torch.randint(1000, (2, 20000)))
graphs = {
    "undirected": Data(edge_index=to_undirected(drawn), num_nodes=1000),
    "directed": Data(edge_index=drawn.unique(dim=1), num_nodes=1000),
}
scores = {}
for name, data in graphs.items():
    assert data.is_undirected() == (name == "undirected")
    for part in RandomLinkSplit(is_undirected=name == "undirected")(data):
        (source, target), label = part.edge_label_index, part.edge_label
        ordered = source < target
        scores[name] = roc_auc_score(label, ordered)
        shares = [ordered[label == kind].double().mean().item() for kind in (1, 0)]
        print(
            f"{name}: smaller node first in {shares[0]:.3f} of the edges and {shares[1]:.3f} of the rest; "
            f"AUC of that order {scores[name]:.3f}"
        )
        if name == "undirected" and (shares[0] != 1 or abs(scores[name] - 0.75) > 0.02):
            raise SystemExit("changed: the order of the ends says nothing")
        assert name == "undirected" or abs(scores[name] - 0.5) < 0.05
print("as described: the order of the ends alone scores 0.75")
PYTHON
