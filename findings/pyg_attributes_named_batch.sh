#!/usr/bin/env bash
# torch-geometric 2.8.1, Batch.from_data_list and with it loader.DataLoader: tensors with "batch" in their name.
#
# Expected: as the page of Batch says, numbers are raised where the name of an attribute has "index" in it,
#   by the number of nodes; any other attribute keeps its values.
# Real: a tensor with "batch" in its name is raised, too, by its own largest value plus one, graph after
#   graph, fractions and negative numbers as well. The plain number of the same name stays as it is.
# Why it matters: in biology a batch is a run of the laboratory, and batch_id, batch_effect or the like a
#   covariate or a label of the graph. It comes out of the loader as another number, which depends on the
#   order of the graphs and is right with batch_size=1 alone; nothing tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

assert "substring :obj:`index`" in Batch.__doc__, "changed: what the page says"
assert "substring :obj:`batch`" not in Batch.__doc__, "changed: what the page says"


def loaded(name, values, batch_size=4):
    graphs = [Data(x=torch.ones(2, 1), **{name: value}) for value in values]
    return torch.cat([batch[name] for batch in DataLoader(graphs, batch_size)]).tolist()


runs = [torch.tensor([run]) for run in (0, 0, 1, 2)]
found = {
    "run_id": loaded("run_id", runs),
    "batch_id": loaded("batch_id", runs),
    "batch_id, turned round": loaded("batch_id", runs[::-1]),
    "batch_id, one by one": loaded("batch_id", runs, batch_size=1),
    "batch_id, plain numbers": loaded("batch_id", [0, 0, 1, 2]),
    "batch_effect": loaded("batch_effect", [torch.tensor([v]) for v in (0.25, -0.5, 1.75, 0.0)]),
}
for name, values in found.items():
    print(f"{name}: {values}")
if found["batch_id"] == [0, 0, 1, 2]:
    raise SystemExit("changed: batch_id keeps its values")
assert found == {
    "run_id": [0, 0, 1, 2],
    "batch_id": [0, 1, 3, 6],
    "batch_id, turned round": [2, 4, 5, 6],
    "batch_id, one by one": [0, 0, 1, 2],
    "batch_id, plain numbers": [0, 0, 1, 2],
    "batch_effect": [0.25, 0.5, 3.75, 4.0],
}, "changed: by how much"
print("as described: what is named batch is raised by itself")
PYTHON
