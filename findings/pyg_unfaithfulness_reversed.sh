#!/usr/bin/env bash
# torch-geometric 2.8.1, explain.metric.unfaithfulness.
#
# Expected: as its docstring says, 1 - exp(-KL(y || y')), where y is the prediction of the whole graph
#   and y' that of the explanation, as in the paper that it names (arXiv 2208.09339).
# Real: the two are exchanged: torch's kl_div takes the logarithms of the second distribution first, and
#   is given those of y. What comes back is 1 - exp(-KL(y' || y)).
# Why it matters: the divergence is not symmetric. Figures cannot be set beside those of the paper, and
#   of two explanations the other one can come out as the more faithful, as it does here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.explain import Explainer, Explanation, GNNExplainer
from torch_geometric.explain.metric import unfaithfulness


class Table(torch.nn.Module):
    """The logarithms of probabilities are the features, so that predictions are chosen by hand."""

    def forward(self, x, edge_index):
        return x * 1


whole = torch.tensor([[0.6, 0.3, 0.1]])
masked = {"one": torch.tensor([[0.970, 0.028, 0.002]]), "other": torch.tensor([[0.2, 0.4, 0.4]])}
explainer = Explainer(
    Table(), GNNExplainer(), explanation_type="model", node_mask_type="attributes",
    model_config=dict(mode="multiclass_classification", task_level="node", return_type="log_probs"),
)


def divergence(p, q):
    return (p * (p / q).log()).sum().item()


found = {}
for name, probabilities in masked.items():
    x, mask = whole.log(), probabilities.log() / whole.log()  # x * mask is the prediction of the mask
    explanation = Explanation(
        x=x, edge_index=torch.zeros(2, 0, dtype=torch.long), node_mask=mask, prediction=x
    )
    explanation._model_args = []
    got = unfaithfulness(explainer, explanation)
    paper, turned = (
        1 - torch.tensor(-value).exp().item()
        for value in (divergence(whole, probabilities), divergence(probabilities, whole))
    )
    found[name] = got, paper
    print(f"{name}: unfaithfulness {got:.4f}; of KL(y || y') {paper:.4f}, of KL(y' || y) {turned:.4f}")
    if abs(got - turned) > 1e-5 or abs(got - paper) < 1e-2:
        raise SystemExit("changed: it is not the divergence the other way round")
better = [min(found, key=lambda name: found[name][place]) for place in (0, 1)]
print(f"more faithful: {better[0]} of the two by this metric, {better[1]} by the definition")
assert better[0] != better[1], "changed: both choose the same"
print("as described: the divergence is taken the other way round")
PYTHON
