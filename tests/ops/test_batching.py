import torch

from graphpoly.ops.batching import count_graphs, largest, nodes_of_each, places


def test_places_of_shuffled_nodes_and_of_an_empty_graph():
    batch = torch.tensor([3, 0, 3, 1, 0, 3])
    place, order, start = places(batch, 4)
    assert place.tolist() == [0, 0, 1, 0, 1, 2]
    assert batch[order].tolist() == [0, 0, 1, 3, 3, 3]
    assert start.tolist() == [0, 2, 3, 3]
    assert nodes_of_each(batch, 4).tolist() == [2, 1, 0, 3]
    assert largest(batch, 4, 6) == 3


def test_count_is_read_given_or_one():
    batch = torch.tensor([0, 2])
    assert count_graphs(None, None, 5) == 1
    assert count_graphs(batch, None, 2) == 3
    assert count_graphs(batch, 7, 2) == 7
    assert count_graphs(batch[:0], None, 0) == 0
    assert largest(None, 1, 5) == 5
