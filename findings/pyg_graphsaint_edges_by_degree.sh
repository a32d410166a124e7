#!/usr/bin/env bash
# PyTorch Geometric 2.8.1, loader.GraphSAINTEdgeSampler (with torch-sparse 0.6.18, which it needs).
#
# Expected: the edge sampler of GraphSAINT (Zeng et al., ICLR 2020, section 3.2) draws an edge (u, v) with
#   a probability in proportion to 1 / deg(u) + 1 / deg(v), which keeps the variance of its estimates
#   small: edges between nodes of few neighbours are drawn most.
# Real: the degrees are inverted, and inverted once more, so that edges are drawn in proportion to
#   deg(u) + deg(v): the edges of hubs are drawn most. On a star of 20 leaves beside a single edge, that
#   edge is drawn a tenth as often as an edge of the star, where it should be almost twice as often.
# Why it matters: batches gather around hubs, nodes of few neighbours are seldom trained on, and the
#   normalisation that is counted from the samples has its largest weights, and its noise, there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.16.3 setuptools==80.9.0 wheel==0.45.1
# torch-sparse and torch-scatter are built from source: minutes
"$folder/venv/bin/pip" install --quiet --no-build-isolation torch-scatter==2.1.2 torch-sparse==0.6.18
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch_geometric.data import Data
from torch_geometric.loader import GraphSAINTEdgeSampler

torch.manual_seed(0)
leaves = torch.arange(1, 21)
star = torch.stack([torch.zeros_like(leaves), leaves])
edges = torch.cat([star, torch.tensor([[21], [22]])], 1)
data = Data(x=torch.zeros(23, 1), edge_index=torch.cat([edges, edges.flip(0)], 1))
data.name = torch.arange(23)
loader = GraphSAINTEdgeSampler(data, batch_size=1, num_steps=20000, sample_coverage=0)
alone = sum(int(batch.name.min()) >= 21 for batch in loader) / 20000
of_star = (1 - alone) / 20
print(f"drawn: the single edge {alone:.4f}, each edge of the star {of_star:.4f}")
ratio = alone / of_star
paper, inverted = 2 / (1 + 1 / 20), 2 / (20 + 1)
print(f"ratio {ratio:.3f}; the paper's {paper:.3f}; of sums of degrees {inverted:.3f}")
if abs(ratio - inverted) > 0.2 * inverted:
    raise SystemExit("changed: edges are not drawn in proportion to the sums of degrees")
print("as described: the edges of hubs are drawn most")
PYTHON
