from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from graphpoly.training import NodeTask, RowTask, TrainConfig, fit

NODES = 30


def split() -> SimpleNamespace:
    place = torch.arange(NODES) % 3
    return SimpleNamespace(train_mask=place == 0, val_mask=place == 1, test_mask=place == 2)


def rows_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(NODES, 2, 4, generator=generator)
    return rows, (rows[:, 0, 0] > 0).long()


def readout(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    return model(rows.flatten(1))


def model(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(8, 2)


def test_one_batch_of_all_is_full_batch_training() -> None:
    rows, y = rows_and_labels()
    data = SimpleNamespace(x=rows.flatten(1), y=y)
    whole = NodeTask(data, split(), forward=lambda m, d: m(d.x))
    batched = RowTask(rows, y, split(), batch_size=NODES, forward=readout)
    one, other = model(), model()
    for task, net in ((whole, one), (batched, other)):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        losses = [task.train_epoch(net, optimizer) for _ in range(3)]
        assert losses[2] < losses[0]
    torch.testing.assert_close(one.weight, other.weight)
    assert whole.evaluate(one) == pytest.approx(batched.evaluate(other))


def test_every_training_row_is_seen_once_an_epoch_and_no_other() -> None:
    rows, y = rows_and_labels()
    seen: list[torch.Tensor] = []

    def record(net: nn.Module, part: torch.Tensor) -> torch.Tensor:
        seen.append(part[:, 0, 0].detach())
        return readout(net, part)

    task = RowTask(rows, y, split(), batch_size=4, forward=record)
    net = model()
    loss = task.train_epoch(net, torch.optim.SGD(net.parameters(), lr=0.0))
    mask = split().train_mask
    whole = nn.functional.cross_entropy(readout(net, rows[mask]), y[mask])
    assert loss == pytest.approx(float(whole), rel=1e-6)
    assert [part.numel() for part in seen] == [4, 4, 2]
    expected = rows[mask, 0, 0]
    assert torch.equal(torch.cat(seen).sort().values, expected.sort().values)


def test_resume_goes_on_with_the_same_order(tmp_path: Path) -> None:
    rows, y = rows_and_labels()

    def run(folder: str, epochs: int, *, resume: bool = False) -> nn.Linear:
        net = model()
        task = RowTask(rows, y, split(), batch_size=3, forward=readout, seed=5)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        config = TrainConfig(epochs=epochs)
        fit(net, task, optimizer, config, run_dir=tmp_path / folder, resume=resume)
        from safetensors.torch import load_file

        last = load_file(tmp_path / folder / "checkpoint" / "last.safetensors")
        net.load_state_dict(last)
        return net

    undisturbed = run("a", 6)
    task = RowTask(rows, y, split(), batch_size=3, forward=readout, seed=5)
    state = task.state_dict()["generator"].clone()
    net, optimizer = model(), None
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(3):
        task.train_epoch(net, optimizer)
    assert not torch.equal(task.state_dict()["generator"], state)
    again = RowTask(rows, y, split(), batch_size=3, forward=readout, seed=99)
    again.load_state_dict(task.state_dict())
    for _ in range(3):
        again.train_epoch(net, optimizer)
    assert torch.equal(net.weight, undisturbed.weight)


def test_bad_arguments_are_named() -> None:
    rows, y = rows_and_labels()
    with pytest.raises(ValueError, match="rows: got 29, expected one for each of 30"):
        RowTask(rows[1:], y, split(), batch_size=2)
    with pytest.raises(ValueError, match="batch_size: got 0"):
        RowTask(rows, y, split(), batch_size=0)
