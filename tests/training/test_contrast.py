from __future__ import annotations

import itertools

import torch
from torch import nn

from graphpoly.training.contrast import train_apart


class Scaled(nn.Module):
    """Outputs that turn as its parameter does."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.ones_like(x), self.weight * x], 1)


def forward(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = model(batch)
    return out


def cosine(weight: float) -> float:
    """Between (1, w) and (1, -w)."""
    return (1 - weight**2) / (1 + weight**2)


def test_first_step_is_adams_on_the_cosine() -> None:
    model = Scaled(0.5)
    batch = torch.tensor([1.0, -1.0, 1.0, -1.0])
    epochs, loss = train_apart(
        model, [batch], forward, epochs=1, lr=0.01, weight_decay=0.0, enough=0.0
    )
    assert epochs == 1
    assert loss == torch.tensor(cosine(0.5)).item()
    # the first step of Adam is the learning rate, downhill
    assert abs(model.weight.item() - 0.51) < 1e-5


def test_stops_when_it_is_enough() -> None:
    model = Scaled(0.5)
    batches = [torch.tensor([1.0, -1.0])] * 2
    epochs, loss = train_apart(
        model, batches, forward, epochs=500, lr=0.01, weight_decay=0.0, enough=0.2
    )
    assert 10 < epochs < 60
    assert loss < 0.2
    assert cosine(model.weight.item()) < loss


def test_loss_is_the_mean_over_pairs_and_not_below_nothing() -> None:
    model = Scaled(0.5)
    batches = [torch.tensor([1.0, -1.0] * 3), torch.tensor([1.0, 1.0])]
    _, loss = train_apart(model, batches, forward, epochs=1, lr=0.0, enough=0.0)
    assert abs(loss - (3 * cosine(0.5) + 1) / 4) < 1e-6
    model = Scaled(2.0)
    assert train_apart(model, batches[:1], forward, epochs=3, lr=0.0) == (1, 0.0)


def test_goes_on_to_the_last_epoch_where_nothing_helps() -> None:
    model = Scaled(0.5)
    batch = torch.tensor([1.0, 1.0])  # equal graphs
    epochs, loss = train_apart(model, [batch], forward, epochs=30, lr=0.0)
    assert (epochs, model.weight.item()) == (30, 0.5)
    assert abs(loss - 1) < 1e-6
    assert train_apart(model, [batch], forward, epochs=0) == (0, float("inf"))


def test_step_is_divided_where_nothing_improves() -> None:
    """Decay alone moves the weight then, by steps of lr, and after the plateau by lr / 10."""
    moved = []
    for epochs in (11, 12, 13, 14):
        model = Scaled(4.0)
        train_apart(
            model,
            [torch.tensor([1.0, -1.0])],  # opposite already: no loss, no gradient
            forward,
            epochs=epochs,
            lr=0.01,
            weight_decay=1.0,
            enough=-1.0,
        )
        moved.append(model.weight.item())
    steps = [one - other for one, other in itertools.pairwise(moved)]
    assert abs(4.0 - moved[0] - 0.11) < 1e-3
    assert abs(steps[0] - 0.01) < 1e-4
    assert abs(steps[1] - 0.001) < 1e-4
    assert abs(steps[2] - 0.001) < 1e-4


def test_nothing_to_train() -> None:
    batch = torch.tensor([1.0, -1.0])
    assert train_apart(nn.Identity(), [batch], forward) == (0, float("inf"))
