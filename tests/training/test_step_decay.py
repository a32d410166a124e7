import pytest
import torch
from torch import nn

from graphpoly.training import StepDecay, TrainConfig, WarmUp, fit


class Rates:
    """Notes the learning rate of each epoch."""

    metric, maximize = "score", True

    def __init__(self):
        self.seen = []

    def train_epoch(self, model, optimizer):
        self.seen.append(optimizer.param_groups[0]["lr"])
        return 0.0

    def evaluate(self, model, splits=("train", "val", "test")):
        return {**dict.fromkeys(splits, 0.5), "val_loss": 1.0}


def run(epochs, out, resume=False):
    model, task = nn.Linear(1, 1), Rates()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    decayed = StepDecay(task, 2, 0.5)
    config = TrainConfig(epochs=epochs)
    fit(model, decayed, optimizer, config, run_dir=out, resume=resume)
    return task.seen


def test_falls_every_second_epoch(tmp_path):
    assert run(5, tmp_path / "whole") == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_its_state_says_where_it_was():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    first = StepDecay(Rates(), 2, 0.5)
    for _ in range(3):
        first.train_epoch(model, optimizer)
    task = Rates()
    again = StepDecay(task, 2, 0.5)
    again.load_state_dict(first.state_dict())
    for _ in range(2):
        again.train_epoch(model, optimizer)
    assert task.seen == [0.5, 0.25]


def test_a_second_stage_goes_on_with_the_rates():
    model, task = nn.Linear(1, 1), Rates()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    staged = WarmUp(task, 3, lambda model: None)  # goes back to the first epoch
    fit(model, StepDecay(staged, 2, 0.5), optimizer, TrainConfig(epochs=6))
    assert task.seen == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_refuses_what_is_no_decay():
    with pytest.raises(ValueError, match="epochs: got 0"):
        StepDecay(Rates(), 0, 0.5)
    with pytest.raises(ValueError, match=r"factor: got 1\.5"):
        StepDecay(Rates(), 2, 1.5)
