#!/usr/bin/env bash
# ogb 1.3.6, Evaluator of a link task that is judged by MRR (ogbl-citation2, ogbl-wikikg2, ogbl-biokg).
#
# Expected: scores as NumPy arrays are taken: expected_input_format says so, and the check of the
#   input passes.
# Real: TypeError from within, since the branch for arrays calls sum(dim=1), which NumPy has not.
# Why it matters: an evaluation in NumPy works on every other link task of OGB (Hits@K, AUC) and
#   fails on these three; scores have to go through torch.from_numpy first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet ogb==1.3.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import torch
from ogb.linkproppred import Evaluator

rng = np.random.default_rng(0)
scores = {
    "y_pred_pos": rng.random(5).astype(np.float32),
    "y_pred_neg": rng.random((5, 10)).astype(np.float32),
}
evaluator = Evaluator("ogbl-citation2")
assert "numpy ndarray" in evaluator.expected_input_format
tensors = {name: torch.from_numpy(value) for name, value in scores.items()}
print("tensors:", round(float(evaluator.eval(tensors)["mrr_list"].mean()), 4))
try:
    evaluator.eval(scores)
except TypeError as error:
    print(f"arrays: TypeError: {error}")
else:
    raise SystemExit("changed: arrays are taken")
hits = Evaluator("ogbl-collab").eval({**scores, "y_pred_neg": scores["y_pred_neg"][0]})
print("arrays on ogbl-collab:", hits)
print("as described: MRR refuses what its own format offers")
PYTHON
