#!/usr/bin/env bash
# TorchKGE 0.17.7, models.TorusEModel with torus_L1 or torus_L2, through utils.dissimilarities.
#
# Expected: the distances on the torus of the paper that the pages name (Ebisu and Ichise, AAAI 2018): the smallest one
#   between two points shifted by any whole numbers, 2 |d| and 4 d^2 for a coordinate whose difference is at most a half
#   after the shift. They lie between 0 and 1 for each coordinate, and head + relation may leave [0, 1).
# Real: a coordinate has the smaller one of |d| and 1 - |d|, which is right up to a difference of 1, and of d^2 and
#   1 - d^2, which is right up to a half: the second is not the square of 1 - |d|. From 1 on both are below 0, the more
#   so, the larger the difference is. It goes up to 3, since head and relation are added and the fraction of a negative
#   number is negative here. torus_eL2, by the cosine, is right. Nothing is said.
# Why it matters: a loss that looks for small distances finds those below 0. The scores of trained triplets are
#   above the best one there is, that of h + r = t, and where they are, the points are not close on any torus.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pandas==2.3.3 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps torchkge==0.17.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torchkge.models import TorusEModel
from torchkge.utils import MarginLoss


def torus(kind, difference):
    """The distance on the torus, by the formulas of the paper."""
    short = (difference - difference.round()).abs()
    by_coordinate = {
        "torus_L1": 2 * short,
        "torus_L2": 4 * short**2,
        "torus_eL2": (1 - torch.cos(2 * torch.pi * difference)) / 2,
    }
    return by_coordinate[kind].sum(dim=-1)


def differences(model, h, t, r):
    return model.ent_emb.weight[h].frac() + model.rel_emb.weight[r].frac() - model.ent_emb.weight[t].frac()


steps = torch.tensor([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75])
for kind in ("torus_eL2", "torus_L1", "torus_L2"):
    found = TorusEModel(1, 2, 1, kind).dissimilarity(steps[:, None], torch.zeros(7, 1))
    right = torus(kind, steps[:, None])
    print(f"{kind}, differences {steps.tolist()}: {found.numpy().round(2).tolist()}, on the torus {right.numpy().round(2).tolist()}")
    near = steps <= {"torus_eL2": 2, "torus_L1": 1, "torus_L2": 0.5}[kind]
    assert torch.allclose(found[near], right[near], atol=1e-5), "changed: small differences"
    if kind != "torus_eL2":
        if torch.allclose(found, right, atol=1e-5):
            raise SystemExit("changed: the distance")
        assert (found[steps > 1] < 0).all() and (right >= 0).all(), "changed: the distance"

N, FACTS = 60, 600
for kind in ("torus_eL2", "torus_L1", "torus_L2"):
    torch.manual_seed(0)
    model, loss = TorusEModel(8, N, 2, kind), MarginLoss(1)
    h, t, r = torch.randint(N, (FACTS,)), torch.randint(N, (FACTS,)), torch.randint(2, (FACTS,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        other = torch.randint(N, (FACTS,))
        loss(model.scoring_function(h, t, r), model.scoring_function(h, other, r)).backward()
        optimizer.step()
    with torch.no_grad():
        score, right = model.scoring_function(h, t, r), -torus(kind, differences(model, h, t, r))
        above, best = (score > 1e-5).sum().item(), score.argmax()
    print(f"trained, {kind}: {above} of {FACTS} triplets score above 0; the best has {score[best]:.2f}, on the torus {right[best]:.2f}")
    assert (above > 0) == (kind != "torus_eL2"), "changed: scores above 0"
    assert torch.allclose(score, right, atol=1e-4) == (kind == "torus_eL2"), "changed: scores"
print("as described: distances below 0")
PYTHON
