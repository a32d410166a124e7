from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.expressivity import (
    CollisionError,
    GraphSet,
    isomorphic,
    neighborhood_types,
    of_networkx,
    wl_colors,
)
from graphpoly.expressivity.exact import check_graphs, check_nodes, dense_ids


def test_equal_rows_get_equal_numbers() -> None:
    assert dense_ids(torch.tensor([7, 3, 7])).tolist() == [1, 0, 1]
    assert dense_ids(torch.tensor([[1.0, 2.0], [1.0, 3.0], [1.0, 2.0]])).tolist() == [0, 1, 0]
    assert dense_ids(torch.zeros(2, 0)).tolist() == [0, 0]


def test_a_forged_name_is_found() -> None:
    whole = GraphSet.of(of_networkx(nx.path_graph(4)))
    color = wl_colors(whole).node
    check_nodes(whole, [(color, color)], color)
    forged = color.clone()
    forged[0] = color[1]
    with pytest.raises(CollisionError, match="round 1"):
        check_nodes(whole, [(forged, forged)], forged)
    with_labels = GraphSet(whole.edge_index, whole.ptr, x=torch.tensor([0, 1, 0, 0]))
    with pytest.raises(CollisionError, match="two labels"):
        check_nodes(with_labels, [], color)
    with pytest.raises(CollisionError, match="two graphs"):
        check_graphs(torch.tensor([1, 2, 3]), torch.tensor([5, 5]), torch.tensor([0, 1, 3]))


@pytest.mark.parametrize("part", ["x", "edge_attr"])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(
    "asked", [wl_colors, neighborhood_types, lambda graph: isomorphic(graph, graph)]
)
def test_labels_that_are_equal_to_nothing_are_refused(asked, columns: int, part: str) -> None:
    """A graph with such a label would not even be the same as itself."""
    graph = of_networkx(nx.path_graph(3))
    rows = 3 if part == "x" else graph.num_edges
    graph[part] = torch.zeros(rows, columns).index_fill(0, torch.tensor(1), torch.nan).squeeze(1)
    with pytest.raises(ValueError, match="label: got NaN, which is equal to nothing"):
        asked(graph)
