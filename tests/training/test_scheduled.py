"""Learning rates follow PyTorch's schedules, and go on where they were."""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as torch_schedules

from graphpoly.training import CheckpointError, Schedule, Scheduled, TrainConfig, WarmUp, fit

LOSSES = [1.0, 0.5, 0.5, 0.6, 0.4, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3, 0.3]


class Rates:
    """Notes the learning rates of each epoch, and scores as it is told."""

    metric, maximize = "score", True

    def __init__(self, losses=()):
        self.losses = losses
        self.seen = []
        self.epoch = 0

    def train_epoch(self, model, optimizer):
        self.seen.append([group["lr"] for group in optimizer.param_groups])
        self.epoch += 1
        optimizer.zero_grad()
        model(torch.ones(2, 1)).square().sum().backward()
        optimizer.step()
        return 0.0

    def evaluate(self, model, splits=("train", "val", "test")):
        loss = self.losses[self.epoch - 1] if self.losses else 1.0
        return {**dict.fromkeys(splits, 1 - loss), "val_loss": loss}

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


class Stop:
    def __init__(self, epoch):
        self.epoch = epoch

    def start(self, label, total, done, what=""): ...
    def stop(self): ...
    def update(self, epoch, row):
        if epoch == self.epoch:
            raise OSError("the machine goes down")


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    groups = [
        {"params": model[0].parameters(), "lr": 0.1},
        {"params": model[1].parameters(), "lr": 0.02},
    ]
    return model, torch.optim.Adam(groups)


def run(make, epochs=12, losses=LOSSES, **further):
    model, optimizer = network()
    task = Rates(losses)
    config = TrainConfig(epochs=epochs, checkpoint_seconds=0, tensorboard=False)
    result = fit(model, Scheduled(task, make), optimizer, config, **further)
    return task.seen, model.state_dict(), result


def rates_of(schedule, epochs=12, losses=LOSSES):
    """The rates of a schedule as its settings describe it, on the test's losses."""
    seen, _, _ = run(lambda o: schedule.of(o, epochs), epochs, losses)
    return [first / 0.1 for first, _ in seen]


SCHEDULES = {
    "step": lambda o: torch_schedules.StepLR(o, 3, 0.3),
    "plateau": lambda o: torch_schedules.ReduceLROnPlateau(o, patience=1, cooldown=1),
    "cosine": lambda o: torch_schedules.CosineAnnealingWarmRestarts(o, 4, 2),
    "one cycle": lambda o: torch_schedules.OneCycleLR(o, [0.1, 0.02], total_steps=13),
    "warm-up": lambda o: torch_schedules.SequentialLR(
        o,
        [torch_schedules.LinearLR(o, 0.1, total_iters=3), torch_schedules.ExponentialLR(o, 0.9)],
        [3],
    ),
    "described": lambda o: Schedule(schedule="cosine", warm_up_epochs=4).of(o, 12),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_a_loop_by_hand(name):
    model, optimizer = network()
    schedule, task = SCHEDULES[name](optimizer), Rates(LOSSES)
    for loss in LOSSES:
        task.train_epoch(model, optimizer)
        plateau = isinstance(schedule, torch_schedules.ReduceLROnPlateau)
        schedule.step(*([loss] if plateau else []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen, _, _ = run(SCHEDULES[name])
    assert seen == task.seen
    assert len({first for first, _ in seen}) > 1


@pytest.mark.parametrize(
    "stopped",
    [1, pytest.param(4, marks=pytest.mark.slow), 5, pytest.param(11, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_killed_run_goes_on_where_its_schedule_was(tmp_path, name, stopped):
    whole, weights, _ = run(SCHEDULES[name], run_dir=tmp_path / "whole")
    with pytest.raises(OSError, match="goes down"):
        run(SCHEDULES[name], run_dir=tmp_path / "torn", progress=Stop(stopped))
    rest, resumed, _ = run(SCHEDULES[name], run_dir=tmp_path / "torn", resume=True)
    assert rest == whole[len(whole) - len(rest) :]
    assert len(rest) in (13 - stopped, 12 - stopped)
    torch.testing.assert_close(resumed, weights, rtol=0, atol=0)


def test_a_step_is_every_so_many_epochs():
    assert rates_of(Schedule(decay=0.5, decay_epochs=5)) == pytest.approx(
        [1] * 5 + [0.5] * 5 + [0.25] * 2
    )


def test_a_plateau_is_more_than_so_many_epochs_without_a_better_value():
    # the best losses are those of epochs 2 and 5; two worse ones are borne
    found = rates_of(Schedule(schedule="plateau", decay=0.5, decay_epochs=2))
    assert found == pytest.approx([1] * 8 + [0.5] * 4)
    found = rates_of(Schedule(schedule="plateau", decay=0.5, decay_epochs=1))
    assert found == pytest.approx([1] * 4 + [0.5] * 3 + [0.25] * 4 + [0.125])


@pytest.mark.parametrize("maximize", [True, False])
def test_a_plateau_of_the_metric_knows_which_way_is_better(maximize):
    rising = Schedule(schedule="plateau", plateau="metric", decay=0.5, decay_epochs=2)
    model, optimizer = network()
    task = Rates([1 - 0.05 * epoch for epoch in range(12)])  # the score rises
    made = Scheduled(task, lambda o: rising.of(o, 12, maximize=maximize), watched="val")
    fit(model, made, optimizer, TrainConfig(epochs=12))
    assert (task.seen[-1] == task.seen[0]) is maximize


@pytest.mark.parametrize(("warm_up", "epochs"), [(0, 12), (4, 12), (12, 12), (20, 12), (1, 2)])
def test_a_cosine_rises_in_a_line_and_falls_to_nothing(warm_up, epochs):
    found = rates_of(Schedule(schedule="cosine", warm_up_epochs=warm_up), epochs, LOSSES[:epochs])
    for epoch, rate in enumerate(found):
        if epoch < warm_up:
            expected = epoch / warm_up
        else:
            expected = math.cos(math.pi / 2 * (epoch - warm_up) / (epochs - warm_up)) ** 2
        assert rate == pytest.approx(expected, abs=2e-6)
        assert rate > 0


def test_the_run_ends_once_no_rate_is_above_the_least():
    model, optimizer = network()
    task = Rates()
    halved = Scheduled(task, lambda o: torch_schedules.ExponentialLR(o, 0.5), least_lr=0.0125)
    result = fit(model, halved, optimizer, TrainConfig(epochs=50))
    assert [first for first, _ in task.seen] == [0.1, 0.05, 0.025]
    assert (result.epochs, result.stopped) == (3, "patience")


def test_a_second_stage_goes_on_with_the_rates():
    model, optimizer = network()
    task = Rates()
    staged = WarmUp(task, 3, lambda model: None)  # goes back to the first epoch
    made = Scheduled(staged, lambda o: torch_schedules.StepLR(o, 2, 0.5))
    fit(model, made, optimizer, TrainConfig(epochs=6))
    assert [first for first, _ in task.seen] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


def test_an_evaluation_beside_the_epochs_is_no_step():
    model, optimizer = network()
    task = Rates()
    made = Scheduled(task, lambda o: torch_schedules.ExponentialLR(o, 0.5))
    for _ in range(2):
        made.train_epoch(model, optimizer)
        for _ in range(3):
            made.evaluate(model)
    assert [first for first, _ in task.seen] == [0.1, 0.05]


def test_a_resumed_run_has_the_same_schedule(tmp_path):
    config = TrainConfig(epochs=3, tensorboard=False)

    def go(schedule, resume):
        model, optimizer = network()
        made = Scheduled(Rates(), lambda o: schedule.of(o, 3), described=schedule.rates())
        return fit(model, made, optimizer, config, run_dir=tmp_path, resume=resume)

    first = go(Schedule(decay=0.5), False)
    assert go(Schedule(decay=0.5), True) == first
    for other in (
        Schedule(decay=0.4),
        Schedule(schedule="cosine"),
        Schedule(decay=0.5, decay_epochs=3),
    ):
        with pytest.raises(CheckpointError, match=r"this run has task\."):
            go(other, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"schedule": "stairs"}, "unknown schedule 'stairs'; known: cosine, plateau, step"),
        ({"schedule": "plateau"}, "decay: got 1, but schedule=plateau needs less"),
        ({"schedule": "cosine", "decay": 0.5}, "decay: got 0.5, but schedule=cosine has none"),
        ({"warm_up_epochs": 3, "decay": 0.5}, "warm_up_epochs: got 3, but schedule=step has none"),
        ({"plateau": "metric"}, "plateau: got 'metric', but schedule=step has none"),
        ({"least_lr": 1e-5}, "least_lr: got 1e-05, but learning rates are constant"),
        ({"decay_epochs": 0}, "decay_epochs: got 0"),
        ({"decay": 1.5}, r"decay: got 1\.5"),
    ],
)
def test_refuses_what_would_have_no_effect(given, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**given)
