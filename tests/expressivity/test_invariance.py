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


class Averaged(Numbered):
    """A mean over the edges of a graph, which is NaN where there are none."""

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        out = super().forward(x, edge_index, batch)
        edges = torch.bincount(batch[edge_index[0]], minlength=len(out)).to(out)
        return out * (edges / edges).unsqueeze(1)


class Sound(Averaged):
    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return 0 * super().forward(x, edge_index, batch) + 1


class Together(nn.Module):
    """Infinite for what is alone."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(2, 3)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        out = self.lin(x.new_ones(int(batch[-1]) + 1, 2))
        return out / out.new_full((), len(out) > 1)


def test_a_graph_without_numbers_hides_no_other() -> None:
    assert by_name(Averaged)["numbering"].violated
    assert not any(each.violated for each in by_name(Sound).values())
    found = by_name(Together)
    assert found["batch"].violated
    assert not found["numbering"].violated


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
