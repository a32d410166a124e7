#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.VirtualNode on a data set whose edges have types.
#
# Expected: as the docstring says, special edge types for what goes to the virtual node and for what comes from it:
#   two numbers that mean this in every graph, and no relation of the data.
# Real: they are the largest type of the graph at hand plus 1 and plus 2. Where a graph lacks the last relations of
#   the data set, its virtual edges have their numbers, and the virtual edges of two graphs have different ones.
# Why it matters: a relational layer has one weight a type. In a batch of molecules the weight of the triple bond also
#   carries what the molecules without a double bond tell their virtual node, and one that is given the number of
#   relations plus 2 leaves its last two weights to the graphs that have all. To lose an edge retypes all virtual ones.
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
from torch_geometric.transforms import VirtualNode

RELATIONS = ("single", "aromatic", "double", "triple")


def path(*types):
    """A path of bonds of these types, each stored in both directions."""
    row = torch.arange(len(types))
    edge_index = torch.stack([torch.cat([row, row + 1]), torch.cat([row + 1, row])])
    return Data(edge_index=edge_index, edge_type=torch.tensor(types * 2), num_nodes=len(types) + 1)


graphs = [path(0, 1, 2, 3), path(0, 1, 0), path(0, 0), path(0, 2, 0)]
made = [VirtualNode()(graph.clone()) for graph in graphs]
virtual = []
for graph, data in zip(graphs, made):
    middle = graph.num_nodes  # the number of the virtual node
    to, out = (data.edge_type[data.edge_index[end] == middle].unique().tolist() for end in (1, 0))
    assert len(to) == len(out) == 1 and to != out, "changed: two types a graph"
    assert torch.equal(data.edge_type[: graph.num_edges], graph.edge_type), "changed: the types of the data"
    virtual.append((to[0], out[0]))
    alike = [RELATIONS[kind] for kind in virtual[-1] if kind < len(RELATIONS)]
    print(f"bonds {sorted(set(graph.edge_type.tolist()))}: to the virtual node {to[0]}, from it {out[0]},", end=" ")
    print(f"which elsewhere is {' and '.join(alike)}" if alike else "as it should be in all")
assert virtual[0] == (len(RELATIONS), len(RELATIONS) + 1), "changed: the graph that has all relations"
batch = Batch.from_data_list(made)
is_virtual = torch.cat([(data.edge_index == data.num_nodes - 1).any(dim=0) for data in made])
both = set(batch.edge_type[is_virtual].tolist()) & set(batch.edge_type[~is_virtual].tolist())
print(f"in a batch of the four, types that are a bond and a virtual edge as well: {sorted(both)}")
if len(set(virtual)) == 1 or not both:
    raise SystemExit("changed: the virtual types are one pair for all graphs")
assert virtual == [(int(g.edge_type.max()) + 1, int(g.edge_type.max()) + 2) for g in graphs], "changed: which types"
assert both == {1, 2, 3}, "changed: which types are shared"
print("as described: the types of virtual edges depend on the graph")
PYTHON
