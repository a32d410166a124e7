#!/usr/bin/env bash
# torch-geometric 2.8.1, utils.negative_sampling(force_undirected=True) on a directed graph, or on one whose
# edges are stored once.
#
# Expected: pairs that are not joined by an edge, each in both directions.
# Real: edges are looked up in the order (smaller, larger) alone. Those that are stored the other way
#   round, as a citation of an older paper or any tril() has them, are taken for missing ones: they
#   are drawn like any other pair. The same graph with its edges turned round gives none of them.
# Why it matters: positives stand among the negatives of a loss or a test, in a share as large as that of
#   the joined pairs among all: most where graphs are small and dense.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.utils import negative_sampling

torch.manual_seed(0)
cites = torch.rand(200, 200).lt(0.3).tril(-1).nonzero().T  # a later paper cites an earlier one
shares = {}
for name, edges in (("cites", cites), ("is cited by", cites.flip(0)), ("both", torch.cat([cites, cites.flip(0)], 1))):
    known = torch.zeros(200, 200, dtype=torch.bool)
    known[edges[0], edges[1]] = True
    for undirected in (False, True):
        source, target = negative_sampling(edges, 200, num_neg_samples=4000, force_undirected=undirected)
        share = (known[source, target] | (known[target, source] & undirected)).double().mean().item()
        shares[name, undirected] = share
        print(f"{name}, force_undirected={undirected}: {share:.3f} of the negatives are edges")
if abs(shares.pop(("cites", True)) - 0.3) > 0.05:
    raise SystemExit("changed: edges from larger to smaller nodes are not drawn")
assert not any(shares.values()), "changed: the other cases"
print("as described: negatives hold edges in the share that the graph has them")
PYTHON
