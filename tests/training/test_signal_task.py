from __future__ import annotations

import torch
from torch import nn
from torch_geometric.data import Data

from graphpoly.layers import OptBasisConv
from graphpoly.training import SignalTask, TrainConfig, fit


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.zeros(()))

    def forward(self, x, edge_index):
        return self.factor * x


def task() -> SignalTask:
    ring = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)).double()
    edges = torch.cat([ring, ring.flip(0)], 1)
    return SignalTask(Data(x=x, edge_index=edges, y=3 * x, mask=torch.arange(6) < 4))


def test_gradient_descent_finds_the_factor() -> None:
    model = Scale().double()
    result = fit(model, task(), torch.optim.Adam(model.parameters(), 0.1), TrainConfig(epochs=300))
    assert abs(float(model.factor.detach()) - 3) < 1e-3
    assert result.test < 1e-4


def test_errors_are_summed_over_the_nodes_that_count() -> None:
    one = task()
    expected = (3 * one.data.x[:4]).square().sum(0).mean()
    assert one.evaluate(Scale().double())["val"] == float(expected)


def test_a_closed_form_is_taken_where_there_is_one() -> None:
    model = OptBasisConv(2, 2, 0, linear=False, bias=False).double()
    result = fit(model, task(), torch.optim.SGD(model.parameters(), 0.0), TrainConfig(epochs=1))
    assert result.test < 1e-20
