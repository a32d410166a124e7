from __future__ import annotations

import sys

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.utils import from_networkx

from graphpoly.ops import CSR, stationary_distribution, to_csr
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE


def eigenvector(adj: CSR, damping: float) -> torch.Tensor:
    """That of the dense matrix of the walk with its jumps, to the eigenvalue 1."""
    size = adj.num_rows
    matrix = adj.to_dense().double().T
    out = matrix.sum(1, keepdim=True)
    walk = torch.where(out > 0, matrix / torch.where(out > 0, out, 1), 1 / size)
    walk = (1 - damping) * walk + damping / size
    values, vectors = np.linalg.eig(walk.T.cpu().numpy())
    vector = torch.from_numpy(vectors[:, np.abs(values - 1).argmin()].real.copy())
    return (vector / vector.sum()).to(walk)


@pytest.mark.parametrize("damping", [1e-3, 0.15, 1.0])
@pytest.mark.parametrize("name", list(graph_zoo()))
def test_is_the_eigenvector_of_the_dense_matrix(name: str, damping: float) -> None:
    data = graph_zoo(weighted=True)[name]
    for weight in (None, data.edge_weight.abs().double()):
        adj = to_csr(data.edge_index, weight, data.num_nodes)
        found = stationary_distribution(adj, damping)
        assert (found > 0).all()
        assert float(found.sum()) == pytest.approx(1, abs=1e-14)
        assert_close(found, eigenvector(adj, damping), kind="accumulated")


def test_without_jumps_to_speak_of_it_is_that_of_the_walk() -> None:
    """Degrees on an undirected graph, bipartite or not."""
    for graph in (nx.star_graph(6), nx.karate_club_graph(), nx.path_graph(5)):
        pairs = from_networkx(nx.Graph(graph.edges)).edge_index
        degree = torch.bincount(pairs[0]).double()
        found = stationary_distribution(to_csr(pairs), 1e-6)
        assert (found - degree / degree.sum()).abs().max() < 1e-4
    # 0 -> 1, 1 -> 2, and 2 back to either: half of the visits of 2 lead to 1 past 0
    pairs = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]])
    found = stationary_distribution(to_csr(pairs), 1e-6)
    assert (found - torch.tensor([0.2, 0.4, 0.4])).abs().max() < 1e-5


def test_a_line_of_one_way_edges_in_closed_form() -> None:
    """Node k is reached by a jump to it or from the one before: a geometric sum."""
    size, damping = 900, 0.01
    line = torch.arange(size)
    adj = to_csr(torch.stack([line[:-1], line[1:]]), num_nodes=size)
    expected = 1 - (1 - damping) ** (line + 1.0).double()
    assert_close(stationary_distribution(adj, damping), expected / expected.sum())


@pytest.mark.parametrize("damping", [1e-3, 0.1])
def test_the_krylov_method_and_the_matrix_agree(monkeypatch, damping: float) -> None:
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(400, (2, 1500), generator=generator)
    adj = to_csr(pairs, torch.rand(1500, generator=generator), 400)
    dense = stationary_distribution(adj, damping)
    module = sys.modules[stationary_distribution.__module__]
    monkeypatch.setattr(module, "_SMALL", 0)
    assert_close(stationary_distribution(adj, damping), dense)
    # broken down at once: steps of the walk alone
    monkeypatch.setattr(module, "bicgstab", lambda *_, **__: (np.full(400, np.nan), -10))
    assert_close(stationary_distribution(adj, damping), dense)


def test_parts_get_in_proportion_what_they_would_get_alone() -> None:
    graphs = list(graph_zoo().values())
    batch = Batch.from_data_list(graphs)
    whole = stationary_distribution(to_csr(batch.edge_index, num_nodes=batch.num_nodes), 0.01)
    for at, data in enumerate(graphs):
        part = whole[batch.batch == at]
        alone = stationary_distribution(to_csr(data.edge_index, num_nodes=data.num_nodes), 0.01)
        assert_close(part / part.sum(), alone)


def test_numbers_of_nodes_and_scales_of_weights_do_not_matter() -> None:
    generator = torch.Generator(DEVICE).manual_seed(1)
    pairs = torch.randint(30, (2, 90), generator=generator)
    weight = torch.rand(90, generator=generator).double()
    order = torch.randperm(30, generator=generator)
    found = stationary_distribution(to_csr(pairs, weight, 30))
    moved = stationary_distribution(to_csr(order[pairs], weight, 30))
    assert_close(moved[order], found)
    assert_close(stationary_distribution(to_csr(pairs, 1e308 * weight, 30)), found)
    assert stationary_distribution(to_csr(pairs[:, :0], num_nodes=0)).shape == (0,)


def test_bad_arguments_are_named() -> None:
    pairs = torch.tensor([[0, 1], [1, 0]])
    for damping in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match=f"damping: got {damping}"):
            stationary_distribution(to_csr(pairs), damping)
    for weight in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="adj: got a negative weight or one"):
            stationary_distribution(to_csr(pairs, torch.tensor([1.0, weight])))
    with pytest.raises(ValueError, match="a square operator"):
        stationary_distribution(to_csr(pairs, size=(2, 3)))
