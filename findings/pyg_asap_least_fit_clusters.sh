#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.pool.ASAPooling.
#
# Expected: the ceil(ratio * N) clusters of the largest fitness are kept, as in the paper (Ranjan, Sanyal and Talukdar,
#   AAAI 2020); "the top-k node indices", as its page says of what it returns.
# Real: the fitness is handed to SelectTopK, the projection of TopKPooling, which multiplies it by a number of its own,
#   drawn from [-1, 1] when the layer is built, and divides by its size: what is left is the sign. In half of all layers
#   it is negative, and the least fit clusters are kept. No gradient reaches that number, and no training turns it.
# Why it matters: what is kept is multiplied by its fitness, so that half of all runs learn from the clusters that the
#   layer itself calls unfit. Seeds fall into two groups, and a mean over them describes neither. (Pull request 8562
#   says the same of SAGPooling, whose score can change its sign in training.) pool.select.weight.data.abs_(), after the
#   layer is built, mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.pool import ASAPooling
from torch_geometric.utils import erdos_renyi_graph

torch.manual_seed(0)
x, edge_index = torch.randn(30, 8), erdos_renyi_graph(30, 0.2)


def kept(pool):
    """The fitness of the clusters that are kept and of those that are not, each in order."""
    seen = []
    hook = pool.gnn_score.register_forward_hook(lambda module, inputs, out: seen.append(out.sigmoid().view(-1)))
    out, _, _, _, index = pool(x, edge_index)
    hook.remove()
    left = torch.ones(30, dtype=torch.bool)
    left[index] = False
    return out, seen[0][index].sort().values, seen[0][left].sort().values


fittest = 0
for seed in range(100):
    torch.manual_seed(seed)
    pool = ASAPooling(8, ratio=0.4)
    _, inside, outside = kept(pool)
    assert len(inside) == 12, "changed: how many are kept"
    top, bottom = bool(inside[0] >= outside[-1]), bool(inside[-1] <= outside[0])
    assert top != bottom, "changed: neither the most nor the least fit"
    assert top == (pool.select.weight.item() > 0), "changed: it is not the sign of that number"
    fittest += top
    if seed < 4:
        print(f"seed {seed}: kept {inside[0]:.3f} to {inside[-1]:.3f}, dropped {outside[0]:.3f} to {outside[-1]:.3f}")
print(f"of 100 layers {fittest} keep the fittest clusters, {100 - fittest} the least fit")
if fittest == 100:
    raise SystemExit("changed: the fittest are kept")
assert 30 < fittest < 70, "changed: how often"

while pool.select.weight.item() > 0:
    pool = ASAPooling(8, ratio=0.4)
optimiser = torch.optim.Adam(pool.parameters(), lr=0.05, weight_decay=0.01)
before = pool.select.weight.item()
for _ in range(50):
    optimiser.zero_grad()
    (kept(pool)[0].mean(dim=0) - 1).square().sum().backward()
    optimiser.step()
print(f"after 50 steps of training the number is {pool.select.weight.item():.3f}, before them {before:.3f}")
assert pool.select.weight.grad is None and pool.select.weight.item() == before < 0, "changed: it is trained"
pool.select.weight.data.abs_()
_, inside, outside = kept(pool)
assert inside[0] >= outside[-1], "changed: the remedy"
print("as described: a sign that is drawn once decides which end is kept")
PYTHON
