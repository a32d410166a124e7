from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GCN, GCNConv

from graphpoly.expressivity import (
    GraphSet,
    Probe,
    dead_gradients,
    hop_reach,
    influence,
    of_networkx,
)
from graphpoly.expressivity.sensitivity import jacobian_norms
from tests.expressivity.models import Constant, Gcn, Gin, Walks


@pytest.mark.parametrize("num_layers", [1, 3, 6])
def test_reach_is_the_number_of_layers(num_layers) -> None:
    assert hop_reach(Probe(lambda: Gcn(num_layers))) == num_layers
    assert hop_reach(Probe(lambda: GCN(3, 8, num_layers, 4))) == num_layers
    # rows of graphs: the last layer before they are added up is looked at
    assert hop_reach(Probe(lambda: Gin(num_layers))) == num_layers


def test_no_rows_of_nodes_no_reach() -> None:
    assert hop_reach(Probe(Walks)) is None
    assert hop_reach(Probe(Constant)) is None


class Everywhere(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(2, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.lin(x + x.mean(0)).tanh()


def test_a_mean_hears_everything() -> None:
    assert hop_reach(Probe(Everywhere), hops=12) == 12


class Linear(nn.Module):
    """Powers of the averaging operator, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(GCNConv(2, 2, bias=False) for _ in range(4))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs:
            conv.lin.weight.data = torch.eye(2, dtype=x.dtype)
            x = conv(x, edge_index)
        return x


def test_a_linear_model_hears_as_its_operator_does() -> None:
    graph = nx.barbell_graph(4, 2)
    probe = Probe(Linear)
    whole = GraphSet.of(of_networkx(graph))
    norms = jacobian_norms(probe, probe.draw(0), whole, 0, 0)
    operator = torch.tensor(nx.to_numpy_array(graph)) + torch.eye(len(graph)).double()
    root = operator.sum(1).rsqrt()
    power = torch.linalg.matrix_power(root[:, None] * operator * root, 4)
    torch.testing.assert_close(norms, power[0])
    for each in influence(probe, layers=4, weights=2):
        torch.testing.assert_close(each.norms, each.averaging.expand_as(each.norms))
        assert float(each.averaging.max()) == 1


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(2, 3), nn.Linear(2, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.used(x)


def test_parameters_without_gradient_are_named() -> None:
    assert dead_gradients(Probe(Half)) == (0.5, ["unused.bias", "unused.weight"])
    assert dead_gradients(Probe(Gin)) == (0.0, [])
