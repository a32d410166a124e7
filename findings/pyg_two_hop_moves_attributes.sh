#!/usr/bin/env bash
# torch-geometric 2.8.1, transforms.TwoHop on a graph with edge_attr.
#
# Expected: an edge that was there keeps its attribute, and one that is added has zeros; the order in which the
#   edges are stored says nothing, as everywhere in PyG.
# Real: the edges are sorted by their source to be multiplied, and their attributes are not: these stay in the order
#   in which they came, and each goes to whichever edge now stands at its place. Nothing is said. The sort is not a
#   stable one, so that even the edges of coalesce() move, where there are more than a few.
# Why it matters: distances, bonds and weights are those of other pairs of nodes. In a test of some four edges that
#   are sorted all is right, and on a graph behind RandomLinkSplit (one direction, then the other) hardly one edge is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit, TwoHop
from torch_geometric.utils import coalesce, erdos_renyi_graph


def as_dict(edge_index, edge_attr):
    return dict(zip(map(tuple, edge_index.T.tolist()), edge_attr.tolist()))


def moved(name, data):
    """How many edges have the attribute of another one after the step."""
    before = as_dict(data.edge_index, data.edge_attr)
    made = TwoHop()(data.clone())
    after = as_dict(made.edge_index, made.edge_attr)
    assert all(after[edge] == 0 for edge in after.keys() - before.keys()), "changed: an added edge is not 0"
    order, perm = EdgeIndex(data.edge_index, sparse_size=data.size()).sort_by("row")
    assert as_dict(order.as_tensor(), data.edge_attr[perm]) == before, "changed: the sort with its permutation"
    found = {edge: after[edge] for edge in before}
    if found != as_dict(order.as_tensor(), data.edge_attr):
        raise SystemExit("changed: it is not the sort without its permutation")
    wrong = [edge for edge in before if found[edge] != before[edge]]
    print(f"{name}: {len(wrong)} of {len(before)} edges have the attribute of another one", end="")
    print(f", so {wrong[0]} that of {[e for e in before if before[e] == found[wrong[0]]][0]}" if wrong else "")
    return len(wrong)


def numbered(edge_index, n):
    """A graph whose attributes name the pair: n * smaller end + larger end, the same for both directions."""
    pair = edge_index.sort(dim=0).values
    return Data(edge_index=edge_index, edge_attr=1.0 + n * pair[0] + pair[1], num_nodes=n)


torch.manual_seed(0)
cycle = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
whole = numbered(coalesce(erdos_renyi_graph(60, 0.1)), 60)
train, _, _ = RandomLinkSplit(num_val=0.1, num_test=0.1, is_undirected=True)(whole)
assert torch.equal(train.edge_attr, numbered(train.edge_index, 60).edge_attr), "changed: the split"
counts = [
    moved("a directed cycle, sorted", numbered(cycle, 4)),
    moved("the same cycle, two edges exchanged", numbered(cycle[:, [2, 1, 0, 3]], 4)),
    moved("a random graph from coalesce()", whole),
    moved("the same behind RandomLinkSplit", train),
]
assert counts[:2] == [0, 2], "changed: the cycle"
if counts[3] < train.num_edges / 2:
    raise SystemExit("changed: the attributes stay with their edges")
print("as described: edges are sorted and their attributes are not")
PYTHON
