import math

import pytest
import torch
from torch import nn

from graphpoly.training import TrainConfig, WarmUp, fit


class Scripted:
    """Adds 1 to the weight in each epoch and scores as the script says."""

    metric, maximize = "score", True

    def __init__(self, scores):
        self.scores = list(scores)
        self.seen = []

    def train_epoch(self, model, optimizer):
        self.seen.append((float(model.weight), model.stage))
        with torch.no_grad():
            model.weight.add_(1)
        return 0.0

    def evaluate(self, model, splits=("train", "val", "test")):
        value = self.scores[len(self.seen) - 1]
        return {**dict.fromkeys(splits, value), "val_loss": 1.0}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.stage = "first"

    def switch(self):
        self.stage = "second"


def run(scores, warm_up):
    model, task = Model(), Scripted(scores)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    staged = WarmUp(task, warm_up, Model.switch)
    result = fit(model, staged, optimizer, TrainConfig(epochs=len(scores)))
    return task.seen, result


def test_goes_back_to_the_best_epoch_and_switches_once():
    seen, result = run([0.1, 0.7, 0.3, 0.2, 0.5], warm_up=3)
    stages = ["first"] * 3 + ["second"] * 2
    assert seen == list(zip([0.0, 1.0, 2.0, 2.0, 3.0], stages, strict=True))
    assert (result.best_epoch, result.test) == (2, 0.5)  # what the script says last


def test_without_a_first_stage_it_starts_in_the_second():
    seen, _ = run([0.1, 0.2], warm_up=0)
    assert seen == [(0.0, "second"), (1.0, "second")]


def test_a_first_stage_that_is_nan_throughout_goes_on_from_where_it_is():
    model, task = Model(), Scripted([math.nan, math.nan, 0.5])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    staged = WarmUp(task, 2, Model.switch)
    for _ in range(3):
        staged.train_epoch(model, optimizer)
        staged.evaluate(model)
    assert task.seen[-1] == (2.0, "second")


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_state_goes_on_as_if_nothing_had_happened(at):
    scores = [0.1, 0.7, 0.3, 0.2, 0.5]
    expected, _ = run(scores, warm_up=3)
    model, task = Model(), Scripted(scores)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    staged = WarmUp(task, 3, Model.switch)
    for epoch in range(5):
        if epoch == at:
            state = staged.state_dict()
            staged = WarmUp(task, 3, Model.switch)
            staged.load_state_dict(state)
        staged.train_epoch(model, optimizer)
        staged.evaluate(model)
    assert task.seen == expected
    assert staged.describe()["warm_up"] == 3
