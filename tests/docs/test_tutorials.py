"""Tutorials are notebooks in jupytext's Markdown, and run cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

jupytext = pytest.importorskip("jupytext", reason="the extra [dev] brings jupytext")

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    assert len(cells) >= 3
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for number, source in enumerate(cells):
        exec(compile(source, f"{path.name}, cell {number}", "exec"), namespace)
