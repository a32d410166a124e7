#!/usr/bin/env bash
# ogb 1.3.6, Evaluator of a link task that is judged by Hits@K (ogbl-ppa, ogbl-collab, ogbl-ddi).
#
# Expected: with fewer than K negatives, an error, or a figure that depends on the scores.
# Real: 1.0 for any scores, those of a model that puts every edge below every negative, too. With one
#   negative more the same model has 0.0.
# Why it matters: a check on a small part of the data, on a bucket of nodes or relations, or with
#   negatives of one's own (ogbl-ppa has K = 100) shows perfect results, and an early stop holds on to
#   the first of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet ogb==1.3.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from ogb.linkproppred import Evaluator

found = {}
for name, limit in (("ogbl-ddi", 20), ("ogbl-collab", 50), ("ogbl-ppa", 100)):
    evaluator = Evaluator(name)
    assert evaluator.K == limit and "at least" not in evaluator.expected_input_format
    for count in (limit - 1, limit):
        for make in (torch.linspace, np.linspace):  # every edge scores less than every negative
            scores = {"y_pred_pos": make(-2, -1, 30), "y_pred_neg": make(1, 2, count)}
            found[name, count - limit, make] = evaluator.eval(scores)[f"hits@{limit}"]
        print(f"{name}, {count} negatives, all above all edges: Hits@{limit} = {found[name, count - limit, make]}")
assert all(value == 0 for (_, less, _), value in found.items() if less == 0), "changed: K negatives"
if not all(value == 1 for (_, less, _), value in found.items() if less < 0):
    raise SystemExit("changed: fewer than K negatives are not perfect any more")
print("as described: with fewer than K negatives every model is perfect")
PYTHON
