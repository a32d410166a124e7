from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.ops import list_cliques


def both_ways(graph: nx.Graph) -> torch.Tensor:
    pairs = torch.tensor(list(graph.edges), dtype=torch.int64).reshape(-1, 2).T
    return torch.cat([pairs, pairs.flip(0)], 1)


@pytest.mark.parametrize(
    "graph",
    [
        nx.gnp_random_graph(40, 0.5, seed=0),
        nx.star_graph(9),
        nx.complete_graph(7),
        nx.empty_graph(4),
        nx.barabasi_albert_graph(60, 5, seed=1),
    ],
    ids=str,
)
def test_all_cliques_once(graph) -> None:
    by_size: dict[int, set[frozenset[int]]] = {}
    for clique in nx.enumerate_all_cliques(graph):
        by_size.setdefault(len(clique), set()).add(frozenset(clique))
    for k in range(1, 8):
        found = list_cliques(both_ways(graph), k, len(graph)).T.tolist()
        sets = {frozenset(clique) for clique in found}
        assert len(found) == len(sets)
        assert sets == by_size.get(k, set())


def test_direction_loops_and_repetitions_do_not_count() -> None:
    edge_index = torch.tensor([[0, 1, 0, 2, 2, 1], [1, 2, 2, 0, 2, 2]])
    assert list_cliques(edge_index, 3, 4).T.sort(1).values.tolist() == [[0, 1, 2]]
    adj_t = torch.sparse_coo_tensor(edge_index, torch.ones(6), (4, 4))
    assert list_cliques(adj_t, 2, 4).size(1) == 3
    with pytest.raises(ValueError, match="k: got 0"):
        list_cliques(edge_index, 0, 4)
