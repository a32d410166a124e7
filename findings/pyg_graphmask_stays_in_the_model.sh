#!/usr/bin/env bash
# torch-geometric 2.8.1, explain.GraphMaskExplainer.
#
# Expected: a model predicts after an explanation what it predicted before, as with GNNExplainer and PGExplainer, which
#   clear their masks.
# Real: each convolution keeps the explainer's explain_message, its gates and its baseline. The model predicts from the
#   messages that the last explanation let through, of that node alone, whatever it is asked next. Nothing is said.
# Why it matters: accuracies and further explanations after one call are those of another model. A deepcopy of the model
#   for each explanation leaves it as it was.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import copy

import torch
from torch_geometric.explain import Explainer, GNNExplainer, GraphMaskExplainer
from torch_geometric.nn import GCN

torch.manual_seed(0)
ring = torch.arange(12)
edge_index = torch.cat([torch.stack([ring, ring.roll(1)]), torch.stack([ring.roll(1), ring])], 1)
x = torch.randn(12, 4)
model = GCN(4, 8, 2, 3).eval()
before = model(x, edge_index).detach()


def explain(model, algorithm):
    explainer = Explainer(
        model,
        algorithm,
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    explainer(x, edge_index, index=0)
    return float((model(x, edge_index) - before).abs().max())


other = explain(model, GNNExplainer(epochs=5))
print(f"GNNExplainer: the predictions differ by {other:.2g} afterwards")
assert other == 0, "changed: the control"
explain(copy.deepcopy(model), GraphMaskExplainer(2, epochs=3, log=False))
assert torch.equal(model(x, edge_index), before), "changed: a copy does not help"
found = explain(model, GraphMaskExplainer(2, epochs=3, log=False))
print(f"GraphMaskExplainer: the predictions differ by {found:.2g} afterwards")
if found < 1e-3:
    raise SystemExit("changed: the model is as it was")
left = sorted(name for name in vars(model.convs[0]) if name in ("explain_message", "latest_messages", "message_scale"))
print("left in the first convolution:", *left)
print("as described: the model stays masked")
PYTHON
