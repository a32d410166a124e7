#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.aggr.EquilibriumAggregation.
#
# Expected: as its docstring says, the result of a group minimises R(y) + sum_i F(x_i, y), both of this
#   group: the same set has the same result alone and in a batch.
# Real: F is summed over the groups of a batch, R is averaged over them: with B groups each is regularised
#   by a share of 1 / B. The result of a graph moves with the number of graphs beside it, in evaluation, too.
# Why it matters: a network that was trained with batches of 128 has almost no regulariser, and is another
#   one when it is asked for one graph or when the last batch is short.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.aggr import EquilibriumAggregation

torch.manual_seed(0)
x = torch.randn(5, 4, dtype=torch.float32)


def of_copies(aggr, copies):
    """The result of one set in a batch of so many copies of it, and how far the copies are apart."""
    out = aggr(x.repeat(copies, 1), torch.arange(copies).repeat_interleave(5), dim_size=copies)
    return out[0].detach(), (out - out[0]).abs().max().item()


for lamb in (-100.0, 0.1, 5.0):
    aggr = EquilibriumAggregation(4, 3, [8], lamb=lamb).eval()
    weight = torch.nn.functional.softplus(torch.tensor(lamb)).item()
    alone, _ = of_copies(aggr, 1)
    for copies in (1, 2, 8, 128):
        out, spread = of_copies(aggr, copies)
        change = ((out - alone).norm() / alone.norm()).item()
        print(f"R weighs {weight:.2f}, {copies:3} copies in the batch: the result is another by {change:.1%}")
        assert spread < 1e-4, "changed: copies in one batch differ"
        if lamb < 0 or copies == 1:
            assert change < 1e-3, "changed: the control, without R or alone"
        elif change < 0.01:
            raise SystemExit("changed: the number of groups does not matter")
    if lamb > 0:  # R / B is what a group alone has with another weight
        share = torch.tensor(weight / 128).expm1().log().item()
        aggr.lamb.data.fill_(share)
        by_hand, _ = of_copies(aggr, 1)
        apart = ((out - by_hand).norm() / by_hand.norm()).item()
        print(f"  alone with R divided by 128: within {apart:.1e} of that of 128 copies")
        assert apart < 1e-3, "changed: the regulariser is not divided by the number of groups"
print("as described: the regulariser is divided by the number of groups")
PYTHON
