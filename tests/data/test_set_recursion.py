"""With the exact value the recursion is exact; with any value the set is independent."""

from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.data import (
    is_independent,
    maximum_independent_set,
    recursive_independent_set,
    subgraphs,
)
from graphpoly.testing import graph_zoo

ZOO = graph_zoo(0, weighted=False)


def edges(graph):
    return torch.tensor(list(graph.edges), dtype=torch.long).reshape(-1, 2).t()


def exact(edge_index, batch, num_graphs):
    """The size of a largest set of each graph: those of disjoint graphs add up, one by one."""
    largest = maximum_independent_set(edge_index, len(batch))
    return torch.bincount(batch[largest], minlength=num_graphs)


def by_chance(edge_index, batch, num_graphs):
    return torch.rand(num_graphs)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ZOO)
def test_is_exact_with_the_exact_value(name):
    edge_index, size = ZOO[name].edge_index, int(ZOO[name].num_nodes)
    for seed in range(3):
        found = recursive_independent_set(edge_index, exact, size, generator=seeded(seed))
        assert found.shape == (size,)
        assert is_independent(edge_index, found)
        assert int(found.sum()) == int(maximum_independent_set(edge_index, size).sum())


def test_is_exact_on_a_batch_whatever_is_drawn():
    graphs = [nx.gnp_random_graph(11, p, seed=7) for p in (0, 0.1, 0.3, 0.5, 1)]
    whole = nx.disjoint_union_all(graphs)
    batch = torch.arange(5).repeat_interleave(11)
    largest = exact(edges(whole), batch, 5)
    for seed in range(5):
        found = recursive_independent_set(
            edges(whole), exact, 55, batch=batch, generator=seeded(seed)
        )
        assert is_independent(edges(whole), found)
        assert torch.equal(torch.bincount(batch[found], minlength=5), largest)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.8])
def test_any_value_gives_an_independent_set(p):
    sizes = set()
    for seed in range(20):
        torch.manual_seed(seed)
        edge_index = edges(nx.gnp_random_graph(25, p, seed=seed))
        found = recursive_independent_set(edge_index, by_chance, 25)
        assert is_independent(edge_index, found)
        assert found.any()
        sizes.add(int(found.sum()))
    assert len(sizes) > 1


def test_each_step_drops_a_node_or_its_neighbours():
    graph = nx.gnp_random_graph(12, 0.3, seed=2)
    both = nx.disjoint_union(graph, nx.cycle_graph(7))
    batch = torch.tensor([0] * 12 + [1] * 7)
    seen = []
    recursive_independent_set(
        edges(both), by_chance, 19, batch=batch, generator=seeded(3), record=seen.append
    )
    options = {0: [set(range(12))], 1: [set(range(12, 19))]}
    for present, dropped, taken in seen:
        for b in present.tolist():
            without, within, left = (
                {*(mask & (batch == b)).nonzero().view(-1).tolist()}
                for mask in (dropped, taken, dropped | taken)
            )
            assert left in options[b]
            (node,) = left - without
            near = {*both[node]} & left
            assert near
            assert within == left - near
            options[b] = [without, within]
        assert {*batch[dropped | taken].tolist()} == {*present.tolist()}


def test_nodes_are_drawn_evenly_among_those_with_a_neighbour():
    path = torch.tensor([[0, 1, 2], [1, 2, 3]])  # and node 4 alone
    many = 3000
    whole = torch.cat([path + 5 * k for k in range(many)], 1)
    batch = torch.arange(many).repeat_interleave(5)
    first = []
    recursive_independent_set(
        whole, all_alike, 5 * many, batch=batch, generator=seeded(1), record=first.append
    )
    gone = (~first[0].dropped).nonzero().view(-1) % 5
    count = torch.bincount(gone, minlength=5).double()
    assert count[4] == 0
    assert int(count.sum()) == many
    assert bool(((count[:4] - many / 4).abs() < 5 * (many * 3 / 16) ** 0.5).all())


def all_alike(edge_index, batch, num_graphs):
    return torch.zeros(num_graphs)


def test_of_equal_graphs_that_without_the_node_is_taken_and_draws_repeat():
    ladder, found = edges(nx.ladder_graph(6)), []
    for _ in range(2):
        seen = []
        left = recursive_independent_set(ladder, all_alike, generator=seeded(0), record=seen.append)
        assert torch.equal(left, seen[-1].dropped)
        assert not torch.equal(left, seen[-1].taken)
        found.append(left)
    assert torch.equal(*found)


def test_directions_repetitions_and_loops_do_not_matter():
    pairs = torch.tensor([[0, 1, 1, 1, 2, 3], [1, 0, 2, 2, 2, 3]])
    seen = []

    def value(edge_index, batch, num_graphs):
        seen.append(edge_index)
        return exact(edge_index, batch, num_graphs)

    assert recursive_independent_set(pairs, value).tolist() == [True, False, True, True]
    for edge_index in seen:
        assert bool((edge_index[0] != edge_index[1]).all())
        listed = edge_index.t().tolist()
        assert sorted(listed) == sorted([b, a] for a, b in listed)
        assert len({*map(tuple, listed)}) == len(listed)
    assert recursive_independent_set(torch.empty(2, 0, dtype=torch.long), value).tolist() == []


def test_subgraphs_are_those_of_networkx():
    graph = nx.gnp_random_graph(10, 0.4, seed=1)
    pairs = torch.cat([edges(graph), edges(graph).flip(0)], 1)
    batch = torch.tensor([0] * 10)
    masks = [torch.rand(10, generator=seeded(k)) < 0.6 for k in range(3)]
    ends, of, count = subgraphs(pairs, batch, masks, 1)
    assert count == 3
    start = 0
    for k, mask in enumerate(masks):
        nodes = mask.nonzero().view(-1).tolist()
        mine = ends[:, of[ends[0]] == k] - start
        wanted = {(nodes.index(a), nodes.index(b)) for a, b in graph.subgraph(nodes).edges}
        wanted |= {(b, a) for a, b in wanted}
        assert {*map(tuple, mine.t().tolist())} == wanted
        assert int((of == k).sum()) == len(nodes)
        start += len(nodes)


def test_bad_inputs():
    pairs = torch.tensor([[0, 1], [1, 2]])
    for given, words in (
        (lambda: recursive_independent_set(pairs.float(), exact), "edge_index: got torch.float32"),
        (lambda: recursive_independent_set(pairs, exact, 2), "outside the graph of 2 nodes"),
        (lambda: recursive_independent_set(pairs, exact, batch=torch.tensor([0])), "batch: got"),
        (
            lambda: recursive_independent_set(pairs, exact, batch=torch.tensor([0, 0, 1])),
            "joins nodes of different graphs",
        ),
        (lambda: recursive_independent_set(pairs, lambda *_: torch.full((2,), torch.nan)), "NaN"),
        (
            lambda: recursive_independent_set(pairs, lambda *_: torch.zeros(2, 1)),
            "value: got shape (2, 1), expected [2]",
        ),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)
