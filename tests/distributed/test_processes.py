from __future__ import annotations

import os
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from graphpoly.distributed import (
    anyone,
    from_first,
    gather_rows,
    in_turn,
    is_first,
    joint_batch_norm,
    process_device,
    processes,
    rank,
    share,
    stretch,
)
from graphpoly.testing.tolerances import assert_close
from tests.processes import together


class Odd(Exception):
    """Cannot be made of its message, so that it is not picklable."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def spoken(folder: Path) -> dict[str, Any]:
    def odd() -> None:
        raise Odd(1, 2)

    def write() -> list[str]:
        seen = sorted(path.name for path in folder.glob("made-*"))
        (folder / f"made-{rank()}").touch()
        return seen

    with pytest.raises((Odd, RuntimeError)) as caught:
        from_first(odd)
    return {
        "first": from_first(lambda: os.getpid()) == os.getpid(),
        "error": f"{type(caught.value).__name__}: {caught.value}",
        "in turn": in_turn(write),
        "anyone": [anyone(False), anyone(rank() == 1)],
        "rows": gather_rows([torch.tensor([rank(), 7])] if is_first() else []).tolist(),
        "share": [share([3, 1, 2]), share([5]), list(stretch(1))],
    }


def test_processes_are_of_one_mind(tmp_path: Path) -> None:
    one, other = together(spoken, 2, tmp_path / "a", tmp_path)
    assert (one["first"], other["first"]) == (True, False)
    assert one["error"] == "Odd: 1 and 2"
    assert other["error"] == "RuntimeError: Odd: 1 and 2"
    assert (one["in turn"], other["in turn"]) == ([], ["made-0"])
    assert one["anyone"] == other["anyone"] == [False, True]
    assert one["rows"] == other["rows"] == [0, 7]
    assert (one["share"], other["share"]) == ([[3], [5], []], [[1, 2], [5], [0]])


def normed(training: bool, whole: bool) -> dict[str, torch.Tensor]:
    """Normalise three rows of images, of which the first process has one and calls it none."""
    generator = torch.Generator().manual_seed(0)
    x, y, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((3, 4, 2, 2), (3, 4, 2, 2), (4,), (4,))
    )
    rows = torch.arange(3) if whole else share(torch.arange(3))
    mine = x[rows].requires_grad_()
    mean, var = bias.clone(), weight.square()
    alone = training and not whole and len(rows) == 1
    with joint_batch_norm(not whole):
        momentum = 0.0 if alone else 0.3
        arguments = (weight, bias, training and not alone, momentum, 1e-3)
        out = F.batch_norm(mine, mean, var, *arguments)
    (grad,) = torch.autograd.grad(out, mine, y[rows])
    return {"out": out.detach(), "grad": grad, "mean": mean, "var": var}


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_that_of_all_rows(training: bool, tmp_path: Path) -> None:
    """One row that a layer takes for no batch is normalised with the others."""
    expected = normed(training, True)
    found = together(normed, 2, tmp_path, training, False)
    for name in ("out", "grad"):
        assert_close(torch.cat([each[name] for each in found]), expected[name])
    for each in found:
        assert_close(each["mean"], expected["mean"])
        assert_close(each["var"], expected["var"])


def test_each_process_has_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process_device(torch.device("cuda:1")) == torch.device("cuda:1")  # one process
    monkeypatch.setattr(processes, "size", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ValueError, match="device: got cuda:1 for 2 processes, which take one"):
        process_device(torch.device("cuda:1"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="process 1 of this machine has no GPU, there are 1"):
        process_device(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    assert process_device(torch.device("cuda")) == torch.device("cuda:1")


def test_who_is_left_over_from_a_torchrun_that_was_killed_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:  # where nobody answers once it is closed
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
    told = {"MASTER_ADDR": place[0], "MASTER_PORT": place[1], "RANK": 1, "WORLD_SIZE": 2}
    told |= {"TORCHELASTIC_RUN_ID": "killed", "TORCHELASTIC_USE_AGENT_STORE": True}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(processes, "_MEETING", timedelta(seconds=1))
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="another process has ended"), processes.launched():
        pass
    assert time.monotonic() - began < 60
