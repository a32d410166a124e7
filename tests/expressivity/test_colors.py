from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.expressivity import (
    graph_names,
    of_networkx,
    tuple_colors,
    wl_colors,
)
from tests.ops.test_color_refinement import partition, random_graph, refine_by_tuples

# of all graphs with so many nodes: their number, and that of their colours by 1-WL
COUNTS = {1: (1, 1), 2: (2, 2), 3: (4, 4), 4: (11, 11), 5: (34, 34), 6: (156, 152), 7: (1044, 1022)}


def all_graphs(size: int) -> list[Data]:
    atlas = nx.graph_atlas_g()
    return [of_networkx(graph) for graph in atlas if graph.number_of_nodes() == size]


@pytest.mark.parametrize("size", COUNTS)
def test_classes_of_all_small_graphs(size) -> None:
    graphs = all_graphs(size)
    graphs_, classes = COUNTS[size]
    assert len(graphs) == graphs_
    names = wl_colors(graphs, verify=True).graph
    assert names.unique().numel() == classes
    assert tuple_colors(graphs, 2).graph.unique().numel() == graphs_
    # the stable colours of graphs are those after n rounds
    rounds = wl_colors(graphs, rounds=size).graph[-1]
    assert partition(names.tolist()) == partition(rounds.tolist())


def test_two_pairs_of_tuples_know_no_more_than_nodes() -> None:
    graphs = all_graphs(6)
    oblivious = tuple_colors(graphs, 2, "oblivious").graph.tolist()
    assert partition(oblivious) == partition(wl_colors(graphs).graph.tolist())


def labelled(seed: int) -> Data:
    size, edge_index, node_label, edge_label = random_graph(seed)
    return Data(edge_index=edge_index, num_nodes=size, x=node_label, edge_attr=edge_label)


@pytest.mark.parametrize("direction", ["in", "both"])
@pytest.mark.parametrize("rounds", [None, 0, 3])
def test_verified_colors_are_the_colors(direction, rounds) -> None:
    for seed in range(30):
        data = labelled(seed)
        plain = wl_colors(data, rounds=rounds, direction=direction)
        checked = wl_colors(data, rounds=rounds, direction=direction, verify=True)
        assert torch.equal(plain.node, checked.node)
        assert torch.equal(plain.graph, checked.graph)


def test_both_directions_are_edges_with_two_labels() -> None:
    for seed in range(0, 60, 3):  # directed ones
        data = labelled(seed)
        size = int(data.num_nodes or 0)
        edges = data.edge_index.T.tolist()
        doubled = [*edges, *([v, u] for u, v in edges)]
        label = [0] * len(edges) if data.edge_attr is None else data.edge_attr.tolist()
        ways = [2 * one for one in label] + [2 * one + 1 for one in label]
        node = [0] * size if data.x is None else data.x.tolist()
        expected = refine_by_tuples(size, [tuple(e) for e in doubled], node, ways, None)
        found = wl_colors(data, direction="both").node
        assert partition(found.tolist()) == partition(expected)


def test_a_batch_a_list_and_single_graphs_agree() -> None:
    graphs = [of_networkx(nx.gnp_random_graph(n, 0.3, seed=n)) for n in range(1, 12)]
    whole = wl_colors(graphs)
    batch = wl_colors(Batch.from_data_list(graphs))
    assert torch.equal(whole.graph, batch.graph)
    assert torch.equal(whole.node, torch.cat([wl_colors(graph).node for graph in graphs]))
    assert torch.equal(whole.graph, torch.cat([wl_colors(graph).graph for graph in graphs]))


def test_graph_names_count() -> None:
    """Twice the graph is another graph, though its colours are the same."""
    node = torch.tensor([4, 4, 7, 7, 4, 7])
    one, two = graph_names(node, torch.tensor([0, 0, 0, 0, 1, 1]), 2).tolist()
    assert one != two
    moved = graph_names(node[[2, 0, 3, 1, 5, 4]], torch.tensor([0, 0, 0, 0, 1, 1]), 2)
    assert moved.tolist() == [one, two]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="direction: got 'out'"):
        wl_colors(of_networkx(nx.path_graph(2)), direction="out")
