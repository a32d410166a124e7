from __future__ import annotations

import torch

from graphpoly.models.class_copies import given_in_turn, with_columns, with_virtual_nodes

X = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
EDGES = torch.tensor([[0, 1], [1, 2]])
VIRTUAL = torch.tensor([[7.0, 8.0], [9.0, 0.0]])
GIVEN = torch.tensor([[1, -1, 0], [-1, -1, 1]])


def test_virtual_nodes_stand_behind_the_others_of_each_copy() -> None:
    copies = with_virtual_nodes(X, EDGES, torch.tensor([0.5, 2.0]), GIVEN, VIRTUAL)
    assert torch.equal(copies.x, torch.cat([X, VIRTUAL, X, VIRTUAL]))
    found = [
        (int(source), int(target), float(weight))
        for source, target, weight in zip(*copies.edge_index, copies.edge_weight, strict=True)
    ]
    graph = [(0, 1, 0.5), (1, 2, 2.0), (5, 6, 0.5), (6, 7, 2.0)]
    links = [(0, 4), (2, 3), (7, 9)]
    ways = [*links, *[(target, source) for source, target in links]]
    assert found == [*graph, *[(*way, 1.0) for way in ways]]


def test_columns_say_the_class_and_nothing_where_there_is_none() -> None:
    copies = with_columns(X, EDGES, None, GIVEN, 2)
    assert copies.edge_weight is None
    assert torch.equal(copies.edge_index, torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]]))
    words = [[0, 1], [0, 0], [1, 0], [0, 0], [0, 0], [0, 1]]
    assert torch.equal(copies.x, torch.cat([torch.cat([X, X]), torch.tensor(words)], 1))


def test_every_node_is_given_every_class_once() -> None:
    labels = torch.tensor([2, -1, 0, 4])
    shown, asked = given_in_turn(labels, 5)
    known = labels >= 0
    assert torch.equal(shown[0], labels)
    assert torch.equal(shown[:, known].sort(0).values, torch.arange(5).view(-1, 1).expand(5, 3))
    assert (shown[:, ~known] == -1).all()
    assert torch.equal(asked[:, known], labels[known].expand(5, -1))
    assert torch.equal(asked[:, 1], torch.arange(5))


def test_no_nodes_and_nothing_given() -> None:
    none = torch.empty(2, 0, dtype=torch.long)
    copies = with_virtual_nodes(X[:0], none, None, none[:, :0], VIRTUAL)
    assert copies.x.shape == (4, 2)
    copies = with_virtual_nodes(X, none, None, torch.full((1, 3), -1), VIRTUAL)
    assert copies.edge_index.shape == (2, 0)
