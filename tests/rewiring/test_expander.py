import networkx as nx
import pytest
import torch
from torch_geometric.loader import DataLoader

from graphpoly.rewiring import ExpanderPropagation, cayley_graph, cayley_size
from tests.rewiring.graphs import data_of, gap


def elements(n):
    """Matrices over Z_n of determinant one."""
    every = torch.cartesian_prod(*[torch.arange(n)] * 4) if n > 1 else torch.zeros(1, 4).long()
    a, b, c, d = every.T
    return every[(a * d - b * c) % n == 1 % n]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_sizes_and_degrees(n):
    assert cayley_size(n) == len(elements(n))
    pairs = cayley_graph(n)
    if n == 1:
        assert pairs.numel() == 0
        return
    assert int(pairs.max()) + 1 == cayley_size(n)
    # over Z_2 each generator is its own inverse
    assert torch.bincount(pairs[0]).unique().tolist() == [2 if n == 2 else 4]


def test_it_is_the_cayley_graph():
    n = 3
    group = [tuple(row) for row in elements(n).tolist()]
    graph = nx.Graph()
    for a, b, c, d in group:
        graph.add_edge((a, b, c, d), (a, (a + b) % n, c, (c + d) % n))
        graph.add_edge((a, b, c, d), ((a + b) % n, b, (c + d) % n, d))
    made = nx.Graph(cayley_graph(n).T.tolist())
    assert nx.is_isomorphic(graph, made)


def test_the_gap_does_not_close():
    gaps = [gap(nx.Graph(cayley_graph(n).T.tolist())) for n in (3, 5, 7)]
    assert min(gaps) > 0.1
    assert gap(nx.cycle_graph(336)) < 1e-3


def test_a_cut_is_connected():
    """Nodes come in the order of a breadth-first search."""
    for size in (1, 2, 7, 23, 24, 25, 100):
        graph = nx.empty_graph(size)
        graph.add_edges_from(ExpanderPropagation()(data_of(graph)).expander_index.T.tolist())
        assert len(graph) == size
        assert nx.is_connected(graph)


def test_it_batches_as_edges_do():
    graphs = [data_of(nx.path_graph(n)) for n in (3, 30, 8)]
    (batch,) = DataLoader([ExpanderPropagation()(data) for data in graphs], batch_size=3)
    owner = batch.batch[batch.expander_index]
    assert torch.equal(owner[0], owner[1])
    assert owner.unique().tolist() == [0, 1, 2]


def test_refusals():
    with pytest.raises(ValueError, match="n: got 0"):
        cayley_size(0)
    with pytest.raises(ValueError, match="num_nodes: got 25, the group has 24"):
        cayley_graph(3, 25)
