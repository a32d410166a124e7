"""Batches that are divided: the single process is the oracle, in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphpoly.testing.tolerances import assert_close
from tests.distributed import divisible
from tests.processes import together


def same(found: dict, expected: dict) -> None:
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-10)
    assert found["scores"] == pytest.approx(expected["scores"], rel=1e-10)
    assert torch.equal(found["task"]["generator"], expected["task"]["generator"])
    for part in ("state", "moments"):
        assert found[part].keys() == expected[part].keys()
        for name, value in expected[part].items():
            if name.endswith("num_batches_tracked"):
                continue  # a layer counts no batch where one row is all of its share
            assert_close(found[part][name], value)


@pytest.mark.parametrize("name", divisible.PROBLEMS)
def test_two_processes_take_the_steps_of_one(name: str, tmp_path: Path) -> None:
    expected = divisible.epochs(name)
    one, other = together(divisible.epochs, 2, tmp_path, name)
    same(one, expected)
    for key, value in one["state"].items():
        assert torch.equal(value, other["state"][key])
    assert one["scores"] == other["scores"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("name", divisible.PROBLEMS)
def test_more_processes_do_too(name: str, number: int, tmp_path: Path) -> None:
    for found in together(divisible.epochs, number, tmp_path, name):
        same(found, divisible.epochs(name))


def test_the_unused_parameter_has_no_gradient(tmp_path: Path) -> None:
    """Weight decay would move one whose gradient is zero."""
    model, _ = divisible.graph_problem()
    before = model.state_dict()["unused.weight"]
    after = divisible.epochs("graphs")["state"]["unused.weight"]
    assert torch.equal(before, after)


@pytest.mark.parametrize("name", ["graphs", "normed links"])
def test_norms_hold_the_same_moments_though_each_process_drops_for_itself(
    name: str, tmp_path: Path
) -> None:
    """Of a step that is not divided, and of nodes that all have, each has other values."""
    one, *others = together(divisible.dropped, 3, tmp_path, name)
    for other in others:
        for key, value in one.items():
            if not key.endswith("num_batches_tracked"):
                assert torch.equal(value, other[key]), key
