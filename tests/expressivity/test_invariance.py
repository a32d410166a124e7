from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from graphpoly.expressivity import Probe, violations
from tests.expressivity.models import Gcn, Gin, Numbered


def by_name(model) -> dict:
    return {each.what: each for each in violations(Probe(model))}


def test_sound_models_differ_by_rounding_alone() -> None:
    for model in (Gin, Gcn):
        for each in by_name(model).values():
            assert not each.violated
            assert each.by["float64"] < 1e-12
            assert each.by["float32"] < 1e-4


def test_numbers_of_nodes_are_noticed() -> None:
    found = by_name(Numbered)
    assert found["numbering"].violated
    assert found["numbering"].by["float64"] > 1e-3
    assert not found["batch"].violated
    assert not found["repetition"].violated


class Centred(nn.Module):
    """Takes the mean over the whole batch off: fine for one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCNConv(2, 4)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.conv(x, edge_index)
        return (x - x.mean(0)).tanh()


def test_graphs_that_see_their_batch_are_noticed() -> None:
    found = by_name(Centred)
    assert found["batch"].violated
    assert not found["numbering"].violated


class Noisy(Gcn):
    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        return super().forward(x + 0.1 * torch.randn_like(x), edge_index, batch)


def test_chance_is_noticed_and_is_the_same_again() -> None:
    found = by_name(Noisy)
    assert found["repetition"].violated
    assert by_name(Noisy)["repetition"].by == found["repetition"].by
