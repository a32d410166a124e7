#!/usr/bin/env bash
# torch-geometric 2.8.1, utils.to_networkit(directed=False) of edges that are stored once, or with two weights a pair.
#
# Expected: "if set to False, the graph will be undirected": the graph has an edge for every pair that is joined, as with
#   to_networkx(to_undirected=True), which by default includes all edges, as its page says, and with to_undirected.
# Real: edges whose first node is the larger one are left out, with no look at whether the other direction is there. Of
#   citations, which go from the newer paper to the older, or of the lower half of a matrix, nothing is left; the same
#   edges turned round are all there. Of two weights of a pair the one of the upper half is taken. Nothing is said.
# Why it matters: NetworKit is asked for what takes too long elsewhere, components, cores, communities and centralities
#   of large graphs, most of them for undirected ones: this argument is how a directed graph gets there. With numbers
#   that have no order half of the edges are missing, and the rest looks like a sparser graph. to_undirected first
#   gives what is meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkit as nk
import networkx as nx
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_networkit, to_networkx, to_undirected

SIZE = 200
torch.manual_seed(0)
# Each paper cites two older ones.
newer = torch.arange(1, SIZE).repeat_interleave(2)
older = (torch.rand(len(newer)) * newer).long()
citations = torch.stack([newer, older]).unique(dim=1)
shuffled = torch.randperm(SIZE)[citations]


def pieces(graph):
    return nk.components.ConnectedComponents(graph).run().numberOfComponents()


for name, edge_index in (
    ("citations, newer to older", citations),
    ("the same turned round", citations.flip(0)),
    ("the same with numbers at random", shuffled),
    ("both directions", to_undirected(citations)),
):
    found = to_networkit(edge_index, num_nodes=SIZE, directed=False)
    right = to_networkx(Data(edge_index=edge_index, num_nodes=SIZE), to_undirected=True)
    assert right.number_of_edges() == citations.size(1) and nx.number_connected_components(right) == 1
    print(f"{name}: {found.numberOfEdges()} of {right.number_of_edges()} edges, {pieces(found)} components (1)")
    edges = {(u, v) for u, v in edge_index.T.tolist() if u <= v}
    assert {tuple(sorted(edge)) for edge in found.iterEdges()} == edges, "changed: which edges are kept"
    complete = found.numberOfEdges() == right.number_of_edges()
    if complete != (name in ("the same turned round", "both directions")):
        raise SystemExit("changed: how many edges are kept")
    mended = to_networkit(to_undirected(edge_index), num_nodes=SIZE, directed=False)
    assert mended.numberOfEdges() == right.number_of_edges() and pieces(mended) == 1, "changed: with to_undirected"

both = torch.tensor([[0, 1], [1, 0]])
for weight in ([1.0, 5.0], [5.0, 1.0]):
    found = to_networkit(both, torch.tensor(weight), directed=False)
    print(f"weights {weight} of 0-1 and 1-0: the edge has {found.weight(0, 1)}")
    assert found.weight(0, 1) == weight[0], "changed: the weight of a pair"
print("as described: only edges from the smaller number to the larger are taken")
PYTHON
