"""Labels are classes, or numbers, to whatever reads them alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import are_classes, dataset_from, doubt_about, graphs_from
from graphpoly.expressivity import identify
from tests.data.test_own import ring, saved

TYPES = [torch.int64, torch.int32, torch.uint8, torch.float32, torch.float64, torch.float16]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("task", ["nodes", "graphs"])
@pytest.mark.parametrize("column", [False, True])
def test_training_and_bounds_read_them_alike(
    dtype: torch.dtype, task: str, column: bool, tmp_path: Path
) -> None:
    y = (torch.arange(20) % 3).to(dtype)
    y = y.unsqueeze(1) if column else y
    data: Data | list[Data] = ring(20, y=y)
    if task == "graphs":
        data = [ring(4 + i % 5, y=y[i : i + 1]) for i in range(20)]
    source = saved(tmp_path / "mine.pt", data)
    entry = dataset_from(source)
    classes = entry.loss == "ce"
    assert classes is are_classes(y) is not dtype.is_floating_point
    assert (doubt_about(y) is None) is classes
    for level in identify(graphs_from(source)):
        assert (level.accuracy_bound is not None) is classes
        assert (level.r2_bound is not None) is not classes
    result = CliRunner().invoke(app, ["expressivity", "dataset", source])
    assert result.exit_code == 0
    assert ("whole numbers as floats are read as a regression" in result.stderr) is not classes


def test_several_columns_are_numbers() -> None:
    for dtype in TYPES:
        assert not are_classes(torch.zeros(4, 2).to(dtype))
        assert doubt_about(torch.zeros(4, 2).to(dtype)) is None
