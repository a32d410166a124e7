from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "examples" / "swap_in.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("swap_in", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["swap_in"] = module
    spec.loader.exec_module(module)
    return module


def test_both_ways_of_training_learn(
    example: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    full, sampled = example.main()
    # three classes of one size; a GCN in the same place stays below one half
    assert full > 0.65
    assert sampled > 0.65
    assert capsys.readouterr().out == f"full batch: {full:.3f}\nNeighborLoader: {sampled:.3f}\n"


def test_two_lines_are_swapped() -> None:
    assert sum("# swapped" in line for line in PATH.read_text().splitlines()) == 2
