from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import find_duplicates, hard_pair, of_networkx


def moved(data: Data, seed: int) -> Data:
    order = torch.randperm(data.num_nodes, generator=torch.Generator().manual_seed(seed))
    x = None if data.x is None else torch.empty_like(data.x).index_copy(0, order, data.x)
    return Data(x=x, edge_index=order[data.edge_index], y=data.y, num_nodes=data.num_nodes)


def test_groups_of_each_test() -> None:
    one, other = hard_pair("hexagon")
    rook, shrikhande = hard_pair("sr16622")
    graphs = [one, other, moved(one, 0), rook, shrikhande, moved(rook, 1), moved(rook, 2)]
    assert find_duplicates(graphs, test="1-WL").groups == [[3, 4, 5, 6], [0, 1, 2]]
    assert find_duplicates(graphs, test="2-FWL").groups == [[3, 4, 5, 6], [0, 2]]
    found = find_duplicates(graphs)
    assert found.groups == [[3, 5, 6], [0, 2]]
    assert found.redundant == 3
    assert found.conflicts is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_target_that_is_missing_is_no_conflict(dtype) -> None:
    missing = float("nan")
    for ys, conflict in (
        ([[missing, 1.0], [1.0, 1.0], [1.0, missing]], False),
        ([[missing, 0.0], [0.0, 0.0], [0.0, missing]], False),
        ([[missing, 1.0], [1.0, missing], [0.0, missing]], True),
        ([[missing, missing], [missing, missing], [missing, missing]], False),
        ([[missing, -1.0], [missing, missing], [missing, 0.0]], True),
    ):
        graphs = [moved(of_networkx(nx.path_graph(4)), number) for number in range(3)]
        for graph, y in zip(graphs, ys, strict=True):
            graph.y = torch.tensor([y], dtype=dtype)
        assert find_duplicates(graphs).conflicts == ([0] if conflict else [])


def test_conflicts_and_leaks() -> None:
    graphs = []
    for number, (size, y) in enumerate([(4, 0), (4, 1), (5, 0), (5, 0), (6, 1), (4, 0)]):
        graph = moved(of_networkx(nx.path_graph(size)), number)
        graph.y = torch.tensor([[float(y)]])
        graphs.append(graph)
    splits = {"train": [0, 2], "valid": [3, 4], "test": [1, 5]}
    splits = {name: torch.tensor(index) for name, index in splits.items()}
    found = find_duplicates(graphs, splits=splits)
    assert found.groups == [[0, 1, 5], [2, 3]]
    assert found.conflicts == [0]
    assert found.across == [0, 1]
    assert found.leaks == {"valid": 1, "test": 2}


def test_labels_count_where_they_are_asked_for() -> None:
    one, other = of_networkx(nx.path_graph(4)), of_networkx(nx.path_graph(4))
    one.x, other.x = torch.tensor([0, 1, 0, 0]), torch.tensor([1, 0, 0, 0])
    assert find_duplicates([one, other]).groups == []
    assert find_duplicates([one, other], features=False).groups == [[0, 1]]


def test_twins_by_the_thousand() -> None:
    stars = [of_networkx(nx.star_graph(leaves)) for leaves in (1200, 1200, 1201)]
    for test in ("1-WL", "isomorphism"):
        assert find_duplicates([stars[0], moved(stars[1], 0), stars[2]], test=test).groups == [
            [0, 1]
        ]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="test: got '3-FWL'"):
        find_duplicates([of_networkx(nx.path_graph(2))], test="3-FWL")
