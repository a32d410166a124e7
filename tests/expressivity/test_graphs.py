from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset

from graphpoly.expressivity import (
    GraphSet,
    compare,
    count_patterns,
    distance_colors,
    find_duplicates,
    identify,
    isomorphic,
    of_networkx,
    separated,
    subgraph_colors,
    substructure_colors,
    tuple_colors,
    wl_certificate,
    wl_colors,
)
from tests.expressivity.test_colors import labelled


def test_selected_graphs_are_the_graphs() -> None:
    graphs = [labelled(seed) for seed in (1, 7, 13, 19, 31)]
    for graph in graphs:
        graph.x = torch.zeros(graph.num_nodes) if graph.x is None else graph.x.float()
        edges = graph.edge_index.size(1)
        graph.edge_attr = torch.zeros(edges) if graph.edge_attr is None else graph.edge_attr.float()
        graph.y = torch.tensor([int(graph.num_nodes)])
    chosen = GraphSet.of(graphs).select(torch.tensor([3, 0, 4]))
    expected = GraphSet.of([graphs[3], graphs[0], graphs[4]])
    for key in ("edge_index", "ptr", "x", "edge_attr", "y"):
        assert torch.equal(getattr(chosen, key), getattr(expected, key)), key


class Kept(InMemoryDataset):
    """Graphs that are held as PyG holds them."""

    def __init__(self, graphs: list[Data]) -> None:
        super().__init__()
        self.data, self.slices = self.collate(graphs)


@pytest.mark.parametrize("features", [True, False])
def test_datasets_batches_and_lists_are_read_alike(features) -> None:
    graphs = []
    for n in (4, 1, 6):
        graph = of_networkx(nx.path_graph(n))
        if features:
            graph.x = torch.rand(n, 2)
        graph.y = torch.tensor([n])
        graphs.append(graph)
    expected = GraphSet.of(graphs)
    for other in (Batch.from_data_list(graphs), Kept(graphs)):
        found = GraphSet.of(other)
        for key in ("edge_index", "ptr", "y"):
            assert torch.equal(getattr(found, key), getattr(expected, key)), key
        assert found.x is None if not features else torch.equal(found.x, expected.x)
    # a part of a dataset is taken graph by graph
    assert GraphSet.of(Kept(graphs)[1:]).ptr.tolist() == [0, 1, 7]


READERS = {
    "GraphSet.of": GraphSet.of,
    "wl_colors": wl_colors,
    "tuple_colors": tuple_colors,
    "subgraph_colors": subgraph_colors,
    "identify": identify,
    "find_duplicates": find_duplicates,
    "compare": lambda graphs: compare(*graphs),
    "wl_certificate": lambda graphs: wl_certificate(*graphs),
    "isomorphic": lambda graphs: isomorphic(*graphs),
    "separated": lambda graphs: separated([tuple(graphs)], "1-WL"),
    "substructure_colors": substructure_colors,
}
SIGHTED = {"distance_colors": distance_colors}


def some_labelled(key: str) -> list[Data]:
    one, other = of_networkx(nx.path_graph(3)), of_networkx(nx.path_graph(3))
    rows = 3 if key == "x" else 4
    other[key] = torch.ones(rows, dtype=torch.int64)
    return [one, other]


@pytest.mark.parametrize("key", ["x", "edge_attr"])
@pytest.mark.parametrize("reader", [*READERS, *SIGHTED])
def test_labels_that_only_one_graph_has_are_an_error(reader, key) -> None:
    run = {**READERS, **SIGHTED}[reader]
    if reader in SIGHTED and key == "edge_attr":
        run(some_labelled(key))  # these never see labels of edges
        return
    for graphs in (some_labelled(key), some_labelled(key)[::-1]):
        with pytest.raises(ValueError, match=rf"graphs\[[01]\] has no {key} and another has"):
            run(graphs)


def test_labels_that_are_not_looked_at_may_be_anywhere() -> None:
    for key in ("x", "edge_attr"):
        graphs = some_labelled(key)
        assert compare(*graphs, features=False, edge_features=False).isomorphic
        assert find_duplicates(graphs, features=False, edge_features=False).groups == [[0, 1]]
        assert identify(graphs, features=(False,))
        assert count_patterns(graphs, "triangle")[0].tolist() == [0, 0]


def test_graphs_without_edges_need_no_labels_of_edges() -> None:
    one, other = of_networkx(nx.path_graph(3)), of_networkx(nx.empty_graph(2))
    one.edge_attr = torch.tensor([[1.0], [2.0], [1.0], [2.0]])
    for graphs in ([one, other], [other, one]):
        assert torch.equal(GraphSet.of(graphs).edge_attr, one.edge_attr)
    other.edge_attr = torch.empty(0)  # whatever shape nothing has
    for graphs in ([one, other], [other, one]):
        assert torch.equal(GraphSet.of(graphs).edge_attr, one.edge_attr)


def test_one_label_is_one_number_in_every_graph() -> None:
    """Integers of one graph and floating-point numbers of another, no digit lost."""
    for key, rows in (("x", 3), ("edge_attr", 4)):
        one, other = some_labelled(key)
        for dtype in (torch.float32, torch.float16, torch.float64, torch.int32):
            one[key] = torch.ones(rows, dtype=dtype)
            assert isomorphic(one, other)
        one[key], other[key] = torch.full((rows,), 2.0**24), torch.full((rows,), 2**24 + 1)
        assert not isomorphic(one, other)
        other[key] = torch.full((rows,), 2**53 + 1)
        with pytest.raises(ValueError, match=rf"{key}: integers beyond 2\*\*53"):
            isomorphic(one, other)


@pytest.mark.parametrize("bad", [[[0], [3]], [[-1], [0]], [[2**40], [0]]])
def test_edges_stay_in_their_graph(bad) -> None:
    """Not even into the next one, where they would be in range."""
    wrong = Data(edge_index=torch.tensor(bad), num_nodes=3, x=torch.ones(3, 1))
    right = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=4, x=torch.ones(4, 1))
    for graphs in ([right, wrong, right], Kept([right, wrong, right])):
        with pytest.raises(ValueError, match=r"graphs\[1\].edge_index: an edge leaves the graph"):
            GraphSet.of(graphs)


def test_features_that_do_not_fit_are_named() -> None:
    one, other = some_labelled("x")
    one.x = torch.ones(3, 2)
    with pytest.raises(ValueError, match=r"graphs\[1\].x: got rows of shapes \[2\] and \[\]"):
        GraphSet.of([one, other])
    one.x = [1, 2, 3]
    with pytest.raises(TypeError, match=r"graphs\[0\].x: got list, expected a tensor"):
        GraphSet.of([one, other])
    one.num_nodes, one.x = 3, torch.ones(2)
    with pytest.raises(ValueError, match=r"graphs\[0\].x: got 2 rows for 3 nodes"):
        GraphSet.of([one, other])
    one.x, one.edge_attr, other.x = None, torch.tensor(1), None
    with pytest.raises(ValueError, match=r"graphs\[0\].edge_attr: got a scalar for 4 edges"):
        GraphSet.of([one, other])


def test_plain_numbers_are_targets() -> None:
    graphs = [Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2, y=y) for y in (1.5, 2)]
    assert GraphSet.of(graphs).y.tolist() == [1.5, 2.0]


def test_what_is_no_graph_is_named() -> None:
    with pytest.raises(TypeError, match="graphs: got int"):
        GraphSet.of(3)
    with pytest.raises(TypeError, match=r"graphs\[0\]: got str"):
        GraphSet.of(["x"])
