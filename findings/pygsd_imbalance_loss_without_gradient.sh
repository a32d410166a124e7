#!/usr/bin/env bash
# torch-geometric-signed-directed 1.2.0, utils.Prob_Imbalance_Loss with threshold="naive" or "std".
#
# Expected: a loss, as its page says of all three thresholds: its gradient moves the probabilities, as with "sort".
# Real: with these two the imbalances of the pairs are written into a new tensor, of numbers, before their mean is taken.
#   The value is right and no gradient comes back. backward() raises no error all the same, since the 1 that the mean is
#   subtracted from was given requires_grad=True: whatever made the probabilities has the gradient None, or, beside a
#   second loss, that of the second loss alone. With three clusters and all three pairs "sort" has the same value.
# Why it matters: the loop runs, the loss is printed and moves with whatever else is trained, and nothing is learned from
#   it. Three thresholds are there to be compared, and what is seen of two of them is the initialisation, or what a
#   supervised part of the loss makes of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torch-geometric-signed-directed==1.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric_signed_directed.utils import Prob_Imbalance_Loss

K, SIZE = 3, 20
torch.manual_seed(0)
group = torch.arange(K).repeat_interleave(SIZE)
# A cycle of three groups: nine tenths of the edges between two of them go round in one direction.
along = (group[:, None] + 1) % K == group
against = along.T
chance = torch.where(along, 0.36, torch.where(against, 0.04, 0.2))
adjacency = (torch.rand(chance.shape) < chance).float().fill_diagonal_(0)


def by_definition(prob, normalization):
    """One minus the mean of the imbalances of all pairs."""
    flow = prob.T @ adjacency @ prob
    volume = (prob.T @ (adjacency + adjacency.T)).sum(dim=1)
    i, j = torch.triu_indices(K, K, 1)
    gap = (flow - flow.T)[i, j].abs()
    if normalization == "plain":
        return 1 - (gap / (flow + flow.T)[i, j]).mean()
    return 1 - (2 * gap / (volume[i] + volume[j])).mean()


def trained(loss, start, steps=100):
    """The first and the last loss, the largest entry of the first gradient, and how far the logits went."""
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    values, slope = [], None
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(logits.softmax(dim=1))
        value.sum().backward()
        slope = slope or (0.0 if logits.grad is None else logits.grad.abs().max().item())
        optimizer.step()
        values.append(value.item())
    return values[0], values[-1], slope, (logits - start).abs().max().item()


start = torch.nn.functional.one_hot(group, K) + 0.5 * torch.randn(K * SIZE, K)
for normalization in ("vol_sum", "plain"):
    right = trained(lambda prob: by_definition(prob, normalization), start)
    for threshold in ("sort", "naive", "std"):
        module = Prob_Imbalance_Loss(K * (K - 1) // 2)
        found = trained(lambda prob: module(prob, adjacency, K, normalization, threshold), start)
        print(f"{normalization}, {threshold}: the loss goes from {found[0]:.3f} to {found[1]:.3f},", end=" ")
        print(f"the largest gradient is {found[2]:.5f} (by definition {right[1]:.3f} and {right[2]:.5f})")
        assert abs(found[0] - right[0]) < 1e-4, "changed: the value"
        if (found[2] == 0) != (threshold != "sort"):
            raise SystemExit("changed: which thresholds have a gradient")
        if threshold == "sort":
            assert abs(found[1] - right[1]) < 0.01 and found[1] < found[0] - 0.02, "changed: the control"
        else:
            assert found[1] == found[0] and found[3] == 0, "changed: nothing is learned"
print("as described: no gradient comes back from the imbalance")
PYTHON
