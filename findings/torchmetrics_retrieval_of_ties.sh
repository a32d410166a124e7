#!/usr/bin/env bash
# torchmetrics 1.9.0, retrieval metrics where scores are equal.
#
# Expected: a metric depends on scores and targets, not on the order of the rows, as RetrievalNormalizedDCG
#   and RetrievalAUROC do; at K = 1, with one relevant row, hit rate, precision and recall are one number.
# Real: hit rate and recall take whatever an unstable sort puts first, precision what topk does: of ten rows
#   with one score the relevant one is a hit or not by its place in the input, and at one place the hit rate
#   at 1 is 1 and the precision at 1 is 0. The reciprocal rank moves with the place, too.
# Why it matters: counts of common neighbours, saturated sigmoids and bfloat16 give ties by the thousand. A
#   loader that puts the positive row at a fixed place, as most do for links, gives such a model figures from
#   0 to 1 that say nothing of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torchmetrics.retrieval import (
    RetrievalAUROC, RetrievalHitRate, RetrievalMRR, RetrievalNormalizedDCG, RetrievalPrecision, RetrievalRecall,
)

METRICS = {
    "hit rate at 1": RetrievalHitRate(top_k=1),
    "precision at 1": RetrievalPrecision(top_k=1),
    "recall at 1": RetrievalRecall(top_k=1),
    "reciprocal rank": RetrievalMRR(),
    "DCG": RetrievalNormalizedDCG(),
    "AUROC": RetrievalAUROC(),
}
ROWS = 10


def by_place(metric, tied):
    """The metric of one query whose relevant row stands at each place in turn."""
    found = []
    for place in range(ROWS):
        target = torch.zeros(ROWS, dtype=torch.long)
        target[place] = 1
        scores = torch.full((ROWS,), 3.0)
        if not tied:  # the relevant row is the second best one
            scores = torch.arange(ROWS).float().roll(place + 2)
        found.append(round(metric(scores, target, indexes=torch.zeros(ROWS).long()).item(), 4))
    return found


tied = {}
for name, metric in METRICS.items():
    tied[name], apart = by_place(metric, tied=True), by_place(metric, tied=False)
    print(f"{name:15} scores equal: {tied[name]}; scores apart: {sorted(set(apart))}")
    assert len(set(apart)) == 1, "changed: the control, without ties"
assert len(set(tied["DCG"])) == len(set(tied["AUROC"])) == 1, "changed: the control, ties that are averaged"
for name in ("hit rate at 1", "recall at 1", "precision at 1", "reciprocal rank"):
    if len(set(tied[name])) == 1:
        raise SystemExit(f"changed: {name} does not depend on the place")
assert any(a != b for a, b in zip(tied["hit rate at 1"], tied["precision at 1"], strict=True)), "changed: they agree"
print("as described: between equal scores the order of the rows decides, for each metric in its own way")
PYTHON
