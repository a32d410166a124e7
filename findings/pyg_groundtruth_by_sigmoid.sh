#!/usr/bin/env bash
# torch-geometric 2.8.1, explain.metric.groundtruth_metrics, which hands its masks to torchmetrics 1.9.0.
#
# Expected: "the threshold value to perform hard thresholding of mask and groundtruth": what is above it counts as part
#   of the explanation, and the AUROC is that of the order of the mask. Explanations are not bounded: gradients and
#   attributions of Captum, which the library wraps, are any numbers.
# Real: torchmetrics takes predictions for logits as soon as one of them lies outside of [0, 1], and puts all through a
#   sigmoid. The threshold of 0.5 is then one of 0 in the mask, one above 1 is refused, and large scores are all 1.0 in
#   float32, ties for the AUROC. The ground truth is cut without a sigmoid.
# Why it matters: one score of 1.01 in place of 0.99 changes the verdict on every other edge: all that is positive
#   is "predicted". Accuracies of explainers whose masks are bounded and of those whose masks are not say different
#   things, and so do those of two graphs from one explainer. Divide a mask by its largest size first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.explain.metric import groundtruth_metrics

target = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0])


def by_docstring(mask, threshold):
    """Accuracy and recall at the threshold, and the share of pairs that are in order."""
    said, true = mask > threshold, target >= threshold
    pairs = (mask[true].view(-1, 1) > mask[~true]).float() + (mask[true].view(-1, 1) == mask[~true]).float() / 2
    return [value.item() for value in ((said == true).float().mean(), said[true].float().mean(), pairs.mean())]


def compare(name, mask):
    metrics = ["accuracy", "recall", "auroc"]
    found = groundtruth_metrics(torch.tensor(mask), target, metrics, threshold=0.5)
    right = by_docstring(torch.tensor(mask), 0.5)
    show = [f"{metric} {one:.3f} ({other:.3f})" for metric, one, other in zip(metrics, found, right)]
    print(f"{name}: {', '.join(show)}")
    return [abs(one - other) < 1e-6 for one, other in zip(found, right)], found


print("in brackets by the docstring")
as_said, _ = compare("largest score 0.99", [0.99, 0.8, 0.3, 0.2, 0.1, 0.0])
assert all(as_said), "changed: the control"
as_said, found = compare("largest score 1.01", [1.01, 0.8, 0.3, 0.2, 0.1, 0.0])
if all(as_said):
    raise SystemExit("changed: the threshold is one of the mask")
assert as_said == [False, True, True] and abs(found[0] - 3 / 6) < 1e-6, "changed: all above 0 are predicted"
as_said, found = compare("scores of 20 and more", [60.0, 50.0, 45.0, 40.0, 30.0, 20.0])
assert as_said[2] is False and found[2] == 0.5, "changed: ties"
as_said, found = compare("the same, a third of them", [20.0, 16.6, 15.0, 13.3, 10.0, 6.6])
assert as_said[2], "changed: where the ties begin"
try:
    groundtruth_metrics(torch.tensor([60.0, 50.0, 45.0, 40.0, 30.0, 20.0]), target, "accuracy", threshold=1.5)
    raise SystemExit("changed: thresholds above 1 are taken")
except ValueError as error:
    print(f"a threshold of 1.5: {error}")
print("as described: one score outside of [0, 1] and the mask is taken for logits")
PYTHON
