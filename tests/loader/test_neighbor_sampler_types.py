"""Types of nodes and edges: numbers for each, and their order where stores hold the graph."""

import os
import subprocess
import sys

import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.sampler import NodeSamplerInput, NumNeighbors

from graphpoly.loader import DiskFeatures, NeighborSampler


@pytest.mark.parametrize("form", [dict, lambda held: NumNeighbors(held, default=[0])])
def test_the_other_way_round_with_numbers_for_each_type(form):
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 6, 4
    ends = torch.tensor([[0, 0, 1, 2, 3, 4], [0, 1, 1, 2, 3, 3]])
    data["a", "to", "b"].edge_index, data["b", "rev", "a"].edge_index = ends, ends.flip(0)
    counts = {("a", "to", "b"): [-1], ("b", "rev", "a"): [0]}
    for missing in ([], [("b", "rev", "a")] if form is not dict else []):
        given = form({kind: count for kind, count in counts.items() if kind not in missing})
        sampler = NeighborSampler(data, given, sample_direction="backward")
        seeds = NodeSamplerInput(None, torch.tensor([0, 4]), None, "a")
        out = sampler.sample_from_nodes(seeds)
        assert sorted(out.node["b"].tolist()) == [0, 1, 3]
        assert {kind: edge.numel() for kind, edge in out.edge.items()} == {
            ("a", "to", "b"): 3,
            ("b", "rev", "a"): 0,
        }


STORES = """
import sys
import torch
from torch_geometric.data import HeteroData
from torch_geometric.sampler import NodeSamplerInput
from graphpoly.loader import DiskFeatures, NeighborSampler

torch.manual_seed(0)
graph = HeteroData()
for kind in "abcd":
    graph[kind].num_nodes = 30
for source in "abcd":
    for target in "abcd":
        graph[source, source + target, target].edge_index = torch.randint(30, (2, 60))
store = DiskFeatures(sys.argv[1])
for data in ((store, graph), graph):
    torch.manual_seed(1)
    sampler = NeighborSampler(data, [2, 2])
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.arange(5), None, "a"))
    print([(kind, out.node[kind].tolist()) for kind in "abcd"])
"""


def test_types_of_stores_are_sampled_in_their_order_whatever_the_run(tmp_path):
    for kind in "ac":  # the others have no features
        DiskFeatures(tmp_path).put_tensor(torch.zeros(30, 1), kind, "x", None)
    found = set()
    for number in (1, 2, 3):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", STORES, str(tmp_path)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            check=False,
        )
        assert not done.returncode, done.stderr
        found |= set(done.stdout.splitlines())
    assert len(found) == 1  # as in one graph in memory


@pytest.mark.parametrize("given", [2, torch.tensor([2]), "2"])
def test_numbers_of_neighbours_are_a_list(given):
    with pytest.raises(TypeError, match=r"num_neighbors: got .*, expected a list"):
        NeighborSampler(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2), given)


def test_sizes_of_types_without_features(tmp_path):
    store, edges = DiskFeatures(tmp_path), torch.tensor([[0, 4], [6, 1]])
    store.put_tensor(torch.zeros(5, 1), "a", "x", None)
    sized, numbered, bare = HeteroData(), HeteroData(), HeteroData()
    sized.put_edge_index(edges, ("a", "to", "b"), "coo", size=(5, 7))
    numbered["b"].num_nodes = 7
    for graph in (numbered, bare):
        graph["a"].num_nodes = 5
        graph["a", "to", "b"].edge_index = edges
    for graph in (sized, numbered):
        sampler = NeighborSampler((store, graph), [1])
        assert sampler.num_nodes == {"a": 5, "b": 7}
        out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([6]), None, "b"))
        assert (out.node["a"].tolist(), out.node["b"].tolist()) == ([0], [6])
    with pytest.raises(ValueError, match="b: how many nodes there are is in neither store"):
        NeighborSampler((store, bare), [1])
