"""Full-batch training over parts: killed and resumed, it is as if nothing had happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[2] / "examples" / "one_graph_in_parts.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def accuracy(command: list[str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = re.fullmatch(r"test accuracy: ([\d.]+)\n", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def held(checkpoint: Path) -> list[torch.Tensor]:
    """Return the weights and the state of the optimiser."""
    _, weights, state = torch.load(checkpoint, weights_only=True)
    return [*weights.values(), *(each["exp_avg_sq"] for each in state["state"].values())]


def test_one_process_learns(tmp_path: Path) -> None:
    assert accuracy([sys.executable, str(PATH), str(tmp_path / "run.pt"), "--steps", "60"]) > 0.85


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for children in /proc")
def test_a_killed_process_ends_all_and_the_same_command_goes_on(tmp_path: Path) -> None:
    parts, killed, steps = tmp_path / "parts.pt", tmp_path / "killed.pt", ["--steps", "300"]
    expected = accuracy([*TORCHRUN, str(PATH), str(parts), *steps])
    assert expected > 0.85
    process = subprocess.Popen(
        [*TORCHRUN, str(PATH), str(killed), *steps], stderr=subprocess.PIPE, text=True
    )
    while not killed.exists():
        assert process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    began = time.monotonic()
    os.kill(int(children[-1]), signal.SIGKILL)
    process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert process.returncode != 0
    step = torch.load(killed, weights_only=True)[0]
    assert 0 < step < 300
    assert accuracy([*TORCHRUN, str(PATH), str(killed), *steps]) == expected
    for one, two in zip(held(parts), held(killed), strict=True):
        assert torch.equal(one, two)
