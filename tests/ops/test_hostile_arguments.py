"""Nothing that an argument can hold may crash, hang or be believed; see ``hostile.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphpoly import ops
from graphpoly.compat import torch_scatter
from tests.ops.hostile_calls import OTHERS, RECIPES

ROOT = Path(__file__).resolve().parents[2]
SHARE = 1000  # cases of one child


def run_cases(seed: int, first: int, last: int) -> list[str]:
    """Run cases in children, the next one where the last one died; say what went wrong."""
    wrong = []
    while first < last:
        child = subprocess.run(
            [sys.executable, "-m", "tests.ops.hostile", str(seed), str(first), str(last)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        started, finished = first - 1, first - 1
        for line in child.stdout.splitlines():
            word, number, *verdict = line.split(" ", 2)
            if word == "start":
                started = int(number)
            elif word == "done":
                finished = int(number)
                if verdict and verdict[0]:
                    wrong.append(f"case {number}: {verdict[0]}")
        if finished == last - 1:
            break
        assert started > finished, f"no case was begun: {child.stderr[-2000:]}"
        said = [line.strip() for line in child.stderr.splitlines() if "graphpoly" in line][:2]
        how = f"signal {-child.returncode}" if child.returncode < 0 else "hangs or exits"
        wrong.append(f"case {started}: {how} {said}")
        first = started + 1
    return wrong


def test_every_operator_and_function_of_the_adapter_is_tried() -> None:
    tried = {name.split(" ")[0] for name in RECIPES}
    exported = set(ops.__all__) | {f"torch_scatter.{name}" for name in torch_scatter.__all__}
    assert exported == tried | OTHERS


@pytest.mark.cpu  # a child may map no more than the calls need
def test_a_few_hundred_hostile_calls() -> None:
    assert run_cases(seed=1, first=0, last=400) == []


@pytest.mark.cpu
@pytest.mark.slow
@pytest.mark.parametrize("share", range(20))
def test_twenty_thousand_hostile_calls(share: int) -> None:
    assert run_cases(seed=2, first=share * SHARE, last=(share + 1) * SHARE) == []
