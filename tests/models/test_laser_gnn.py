"""LASERGNN: its layers by hand, and what types of edges change."""

import pytest
import torch

from graphpoly.models import LASERGNN

EDGES = torch.tensor([[0, 1, 1, 2, 0, 2, 3, 0], [1, 0, 2, 1, 2, 0, 0, 3]])
TYPES = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])


def test_layers_are_added_up():
    torch.manual_seed(0)
    net = LASERGNN(3, 5, 2, num_layers=4, num_relations=3).eval()
    x = torch.randn(5, 3)
    first = net.convs[0](x, EDGES, TYPES).relu()
    second = first + net.convs[1](first, EDGES, TYPES).relu()
    third = second + net.convs[2](second, EDGES, TYPES).relu()
    expected = net.convs[3](third, EDGES, TYPES)
    torch.testing.assert_close(net(x, EDGES, edge_type=TYPES), expected)


def test_types_matter_and_default_to_those_of_the_graph():
    torch.manual_seed(0)
    net = LASERGNN(3, 5, 2, num_relations=3).eval()
    x = torch.randn(5, 3)
    plain = net(x, EDGES)
    assert torch.equal(plain, net(x, EDGES, edge_type=torch.zeros_like(TYPES)))
    assert not torch.allclose(plain, net(x, EDGES, edge_type=TYPES))


def test_no_layer_is_refused():
    with pytest.raises(ValueError, match="num_layers: got 0, expected at least 1"):
        LASERGNN(3, 5, 2, num_layers=0)
