"""Layer after layer, each to its best epoch; stopped anywhere, the run goes on bit by bit."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch_geometric.data import Data

from graphpoly.data import csbm, make_split
from graphpoly.models import ForwardGNN
from graphpoly.training import LayerWise, NodeTask, Scheduled, TrainConfig, fit, seed_everything

CONFIG = TrainConfig(epochs=30, checkpoint_seconds=100, tensorboard=False)
DATA = csbm(40, 4.0, 8, phi=0.5, epsilon=1.0, seed=0)
SPLIT = make_split(DATA, "stratified", 0)
SHORT = {"epochs": 3, "patience": 2}
LABELS = torch.where(SPLIT.train_mask, DATA.y, -1)


def build(variant: str = "sf", **options: Any) -> tuple[ForwardGNN, LayerWise, torch.optim.Adam]:
    seed_everything(0)
    depth = None if variant.startswith("top2") else 1
    net = ForwardGNN(8, 8, 2, num_layers=3, variant=variant, labels=LABELS, depth=depth)
    options = {"epochs": 6, "patience": 3, **options}
    task = LayerWise(NodeTask(DATA, SPLIT), **options)
    return net, task, torch.optim.Adam(net.parameters(), lr=0.01)


def weights(net: ForwardGNN, layer: int) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in net.convs[layer].parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("variant", ["sf", "ff-vn", "ff-la"])
def test_other_layers_do_not_move_by_a_bit(variant: str) -> None:
    net, task, optimizer = build(variant, patience=2)
    depths = []
    while not task.finished:
        before = [weights(net, layer) for layer in range(3)]
        depth = net.depth
        task.train_epoch(net, optimizer)
        depths.append(net.depth)
        if net.depth == depth:
            moved = [not same(before[layer], weights(net, layer)) for layer in range(3)]
            assert moved == [layer == depth - 1 for layer in range(3)]
        task.evaluate(net)
    assert sorted(set(depths)) == [1, 2, 3]


@pytest.mark.parametrize("variant", ["top2loss", "top2input"])
def test_top_down_all_layers_move_at_once(variant: str) -> None:
    net, task, optimizer = build(variant, patience=2)
    while not task.finished:
        before = [weights(net, layer) for layer in range(3)]
        task.train_epoch(net, optimizer)
        assert not any(same(before[layer], weights(net, layer)) for layer in range(3))
        task.evaluate(net)
    assert net.depth == 3


class Counting(nn.Module):
    """Counts its steps for each layer, and scores as a script says."""

    turns = 1

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.zeros(num_layers))
        self.num_layers = num_layers
        self.register_buffer("held", torch.tensor(1))

    @property
    def depth(self) -> int:
        return int(self.held)

    @depth.setter
    def depth(self, depth: int) -> None:
        self.held = torch.tensor(depth)

    def below(self, x: Any, edge_index: Any, edge_weight: Any = None) -> int:
        return self.depth

    def losses(self, below: int, turn: int = 0) -> list[torch.Tensor]:
        assert below == self.depth  # made anew for each layer
        return [-self.steps[self.depth - 1]]

    def predict(self, below: int) -> torch.Tensor:
        return torch.zeros(40, 2)

    def forward(self, x: Any, edge_index: Any) -> torch.Tensor:
        return torch.zeros(40, 2)


def scripted(
    monkeypatch: pytest.MonkeyPatch, scores: list[float], **options: Any
) -> tuple[Counting, list[list[float]], Any]:
    """Train by a script of validation scores; return the steps before each epoch, too."""
    seen: list[list[float]] = []

    def evaluate(task: Any, model: Any, splits: Any = ()) -> dict[str, float]:
        value = scores[len(seen) - 1]
        return {**dict.fromkeys(("train", "val", "test"), value), "val_loss": 1.0}

    monkeypatch.setattr(NodeTask, "evaluate", evaluate)
    net = Counting(2)

    class Watched(LayerWise):
        def _step(self, net: Any, optimizer: Any, turn: int) -> float:
            if not self._trained:
                seen.append(net.steps.tolist())
                self._trained = True
            return super()._step(net, optimizer, turn)

    task = Watched(NodeTask(DATA, SPLIT), **options)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    return net, seen, fit(net, task, optimizer, TrainConfig(epochs=len(scores)))


def test_each_layer_goes_back_to_its_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [0.1, 0.7, 0.6, 0.7, 0.2, 0.5, 0.4, 0.4, 0.0]
    net, seen, result = scripted(monkeypatch, scores, epochs=6, patience=2)
    # the first layer is best in epoch 2, after four steps; the second in its second
    expected = [[0, 0], [2, 0], [4, 0], [6, 0], [4, 0], [4, 2], [4, 4], [4, 6]]
    assert seen == expected
    assert (result.epochs, result.stopped, result.best_epoch) == (8, "patience", 2)
    assert (net.depth, net.steps.tolist()) == (1, [4.0, 0.0])  # the depth of the best epoch


def test_a_layer_ends_after_its_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    net, seen, result = scripted(monkeypatch, scores, epochs=2, patience=9, steps=3)
    assert seen == [[0, 0], [3, 0], [6, 0], [6, 3]]
    assert (result.epochs, result.best_epoch, net.depth) == (4, 4, 2)


def test_a_layer_without_a_finite_score_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [float("nan"), float("nan"), 0.5, 0.4, 0.3]
    _, seen, result = scripted(monkeypatch, scores, epochs=9, patience=2)
    assert seen == [[0, 0], [2, 0], [4, 0], [4, 2], [4, 4]]
    assert (result.best_epoch, result.stopped) == (3, "epochs")


def interrupted(run_dir: Path, variant: str, epoch: int) -> None:
    """Train until Ctrl-C in the middle of an epoch."""
    net, task, optimizer = build(variant, **SHORT)
    train_epoch, epochs = task.train_epoch, 0

    def one(model: Any, optimizer: Any) -> float:
        nonlocal epochs
        epochs += 1
        if epochs == epoch:
            signal.raise_signal(signal.SIGINT)
        return train_epoch(model, optimizer)

    task.train_epoch = one  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        fit(net, task, optimizer, CONFIG, run_dir=run_dir)


@pytest.mark.parametrize("variant", ["sf", "ff-vn", "top2input"])
def test_a_stopped_run_goes_on_bit_by_bit(variant: str, tmp_path: Path) -> None:
    net, task, optimizer = build(variant, **SHORT)
    whole = fit(net, task, optimizer, CONFIG, run_dir=tmp_path / "whole")
    assert whole.stopped == "patience"
    files = ["history.csv", "checkpoint/last.safetensors", "checkpoint/best.safetensors"]
    for epoch in range(1, whole.epochs):
        run_dir = tmp_path / str(epoch)
        interrupted(run_dir, variant, epoch)
        net, task, optimizer = build(variant, **SHORT)
        again = fit(net, task, optimizer, CONFIG, run_dir=run_dir, resume=True)
        assert (again.test, again.best_epoch, again.epochs) == (
            *(whole.test, whole.best_epoch, whole.epochs),
        )
        for name in files:
            assert (run_dir / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_was_kept_of_the_layers_below_is_what_the_network_says() -> None:
    net, task, optimizer = build()
    for _ in range(3):
        task.train_epoch(net, optimizer)
        kept = task.evaluate(net)
        assert task.evaluate(net) == pytest.approx(kept, rel=1e-6)


def test_an_epoch_is_so_many_steps_of_clipped_gradients() -> None:
    net, task, _ = build(clip=1e-3, steps=5)
    before = weights(net, 0)
    task.train_epoch(net, torch.optim.SGD(net.parameters(), lr=1.0))
    moved = torch.stack([(a - b).norm() for a, b in zip(weights(net, 0), before, strict=True)])
    assert 1e-3 < float(moved.norm()) <= 5.001e-3
    assert task.describe()["layers"] == {"epochs": 6, "patience": 3, "steps": 5, "clip": 1e-3}


def test_a_decay_around_it_knows_when_it_is_finished() -> None:
    net, task, optimizer = build(patience=1)
    result = fit(
        net,
        Scheduled(task, partial(StepLR, step_size=2, gamma=0.5)),
        optimizer,
        TrainConfig(epochs=30),
    )
    assert result.stopped == "patience"
    assert result.epochs < 18


def test_other_tasks_and_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="task: got Counting; layer by layer are learned classes"):
        LayerWise(Counting(1))  # type: ignore[arg-type]
    own = NodeTask(DATA, SPLIT, forward=lambda model, data: model(data.x, data.edge_index))
    for task in (own, LayerWise(NodeTask(DATA, SPLIT))):
        with pytest.raises(ValueError, match="task: has a forward= of its own"):
            LayerWise(task)
    with pytest.raises(ValueError, match="steps: got 0, expected at least 1"):
        LayerWise(NodeTask(Data(y=DATA.y), SPLIT), steps=0)
