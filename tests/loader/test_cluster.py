"""Parts that cover each node once, few edges between those of METIS, and batches of them."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import subgraph

from graphpoly.loader import ClusterData, ClusterLoader, partition

pymetis = pytest.importorskip("pymetis", reason="pymetis is not installed")


def blocks(count=4, size=25):
    """Cliques in a ring, each joined to the next by one edge."""
    graph = nx.ring_of_cliques(count, size)
    edges = torch.tensor(list(graph.edges)).T
    return torch.cat([edges, edges.flip(0)], 1)


def cut(edge_index, parts):
    return int((parts[edge_index[0]] != parts[edge_index[1]]).sum())


def test_metis_finds_the_cliques():
    edge_index = blocks()
    parts = partition(edge_index, 4)
    assert parts.bincount().tolist() == [25] * 4
    assert cut(edge_index, parts) == 8  # four edges, from both ends
    assert all(len(set(block.tolist())) == 1 for block in parts.view(4, 25))
    directed = edge_index[:, edge_index[0] < edge_index[1]]
    repeated = torch.cat([directed, directed, torch.tensor([[3], [3]])], 1)
    assert cut(edge_index, partition(repeated, 4)) == 8


@pytest.mark.parametrize("method", ["metis", "random"])
@pytest.mark.parametrize("num_parts", [1, 2, 7])
def test_parts_are_of_about_equal_size_and_depend_on_the_seed_alone(method, num_parts):
    graph = nx.gnm_random_graph(200, 700, seed=1)
    edge_index = torch.tensor(list(graph.edges)).T
    parts = partition(edge_index, num_parts, 203, method=method, seed=5)
    assert torch.equal(parts, partition(edge_index, num_parts, 203, method=method, seed=5))
    sizes = parts.bincount(minlength=num_parts)
    assert sizes.sum() == 203
    assert sizes.numel() == num_parts
    slack = 1 if method == "random" else 0.1 * 203 / num_parts
    assert sizes.max() - sizes.min() <= max(slack, 1)
    if num_parts > 1:
        other = partition(edge_index, num_parts, 203, method=method, seed=6)
        assert not torch.equal(parts, other)


@pytest.mark.parametrize("method", ["metis", "random"])
def test_an_epoch_has_each_node_once_with_all_edges_between_those_of_a_batch(method):
    torch.manual_seed(0)
    edge_index = blocks()
    data = Data(
        x=torch.arange(100.0).unsqueeze(1),
        edge_index=edge_index,
        edge_attr=torch.arange(edge_index.size(1)).unsqueeze(1),
        y=torch.arange(100) % 3,
    )
    loader = ClusterLoader(ClusterData(data, 10, method=method), batch_size=3, shuffle=True)
    seen = []
    for batch in loader:
        nodes = batch.x[:, 0].long()
        seen += nodes.tolist()
        assert torch.equal(batch.y, data.y[nodes])
        _, kept = subgraph(nodes, edge_index, data.edge_attr, num_nodes=100)
        assert sorted(batch.edge_attr[:, 0].tolist()) == sorted(kept[:, 0].tolist())
        ends = nodes[batch.edge_index]
        assert torch.equal(ends, edge_index[:, batch.edge_attr[:, 0]])
    assert sorted(seen) == list(range(100))
    assert len(loader) == 4


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_without_an_edge(form, size):
    data = Data(
        x=torch.arange(6.0).unsqueeze(1),
        edge_index=torch.tensor([[0, 0], [1, 1]]),
        edge_attr=torch.tensor([[7.0], [8.0]]),
        y=torch.arange(6),
        num_nodes=6,
    )
    parts = ClusterData(data, 6, method="random", sparse_format=form)
    seen = []
    for batch in ClusterLoader(parts, batch_size=size):
        seen += batch.y.tolist()
        assert torch.equal(batch.x[:, 0].long(), batch.y)
        assert batch.num_nodes == batch.y.numel()
        assert batch.edge_attr.shape == (batch.num_edges, 1)
        assert batch.edge_index.shape == (2, batch.num_edges)
        assert torch.isin(torch.arange(2), batch.y).all() == (batch.num_edges == 2)
    assert sorted(seen) == list(range(6))


def test_parts_are_kept_in_a_folder_by_how_they_were_made(tmp_path):
    data = Data(x=torch.ones(100, 1), edge_index=blocks())
    first = ClusterData(data, 4, save_dir=str(tmp_path))
    again = ClusterData(data, 4, save_dir=str(tmp_path))
    assert torch.equal(first.partition.partptr, again.partition.partptr)
    ClusterData(data, 4, method="random", seed=3, save_dir=str(tmp_path))
    made = sorted(path.name for path in (tmp_path / "part_4").iterdir())
    assert made == ["metis-0.pt", "random-3.pt"]


@pytest.mark.parametrize("change", ["wired", "smaller", "larger", "fewer edges", "columns"])
def test_parts_of_another_graph_are_refused(change, tmp_path):
    edge_index, nodes, options = blocks(), 100, {}
    ClusterData(Data(x=torch.ones(100, 1), edge_index=edge_index), 4, save_dir=str(tmp_path))
    if change == "wired":
        edge_index = torch.where(edge_index == 99, 0, edge_index)
    elif change == "smaller":
        edge_index, nodes = edge_index % 50, 50
    elif change == "larger":
        nodes = 101
    elif change == "fewer edges":
        edge_index = edge_index[:, 1:]
    else:
        options["sparse_format"] = "csc"
    other = Data(x=torch.ones(nodes, 1), edge_index=edge_index)
    with pytest.raises(ValueError, match=r"save_dir: .* holds the parts of another graph"):
        ClusterData(other, 4, save_dir=str(tmp_path), **options)


def test_errors():
    edge_index = blocks(3, 3)
    for wrong in (0, 10):
        with pytest.raises(ValueError, match="num_parts: got"):
            partition(edge_index, wrong)
    with pytest.raises(ValueError, match="did you mean 'metis'"):
        partition(edge_index, 2, method="metos")
    with pytest.raises(ValueError, match="outside the graph"):
        partition(edge_index, 2, 4)
    data = Data(x=torch.ones(9, 1), edge_index=edge_index)
    with pytest.raises(TypeError, match="data: got HeteroData"):
        ClusterData(HeteroData(), 2)
    with pytest.raises(ValueError, match="recursive"):
        ClusterData(data, 2, recursive=True)
    with pytest.raises(ValueError, match="method"):
        ClusterData(data, 2, method="louvain")


def test_without_pymetis_it_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pymetis", None)
    with pytest.raises(ImportError, match=r"graphpoly\[rewiring\]"):
        partition(blocks(3, 3), 2)
