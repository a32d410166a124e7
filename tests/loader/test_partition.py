"""Graphs of a batch are divided each by itself."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.utils import from_networkx

from graphpoly.loader import partition, partition_each

pytest.importorskip("pymetis", reason="pymetis is not installed")
GRAPHS = [nx.ring_of_cliques(4, 5), nx.empty_graph(3), nx.empty_graph(0), nx.path_graph(4)]
GRAPHS += [nx.empty_graph(6), nx.gnm_random_graph(30, 60, seed=1)]


@pytest.mark.parametrize("method", ["metis", "random"])
@pytest.mark.parametrize("num_parts", [1, 4])
def test_a_batch_is_divided_as_its_graphs_are(method, num_parts):
    sizes = torch.tensor([len(graph) for graph in GRAPHS])
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
    edges = [from_networkx(graph).edge_index.view(2, -1).long() for graph in GRAPHS]
    joined = torch.cat([each + start for each, start in zip(edges, ptr[:-1], strict=True)], 1)
    seeds = list(range(len(GRAPHS)))
    together = partition_each(joined, ptr, num_parts, method=method, seeds=seeds)
    for at, size in enumerate(sizes.tolist()):
        alone = together[ptr[at] : ptr[at + 1]]
        if size >= num_parts:
            expected = partition(edges[at], num_parts, size, method=method, seed=seeds[at])
            assert torch.equal(alone, expected)
        else:
            assert alone.unique().numel() == size
        assert size == 0 or 0 <= int(alone.min()) <= int(alone.max()) < num_parts


def test_nothing_to_divide():
    none = torch.empty(2, 0, dtype=torch.long)
    assert partition_each(none, torch.tensor([0]), 3, seeds=[]).tolist() == []


def test_refusals():
    none, ptr = torch.empty(2, 0, dtype=torch.long), torch.tensor([0, 3])
    with pytest.raises(ValueError, match="unknown method"):
        partition_each(none, ptr, 2, method="kway", seeds=[0])
    with pytest.raises(ValueError, match="num_parts: got 0"):
        partition_each(none, ptr, 0, seeds=[0])
