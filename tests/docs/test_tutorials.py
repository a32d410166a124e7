"""Tutorials are notebooks in jupytext's Markdown, and run cell by cell."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from graphpoly import registry

jupytext = pytest.importorskip("jupytext", reason="the extra [dev] brings jupytext")

# those that take longer are run by `make test-slow`, and wherever the site is built
_LONGER = ("graphs", "certify", "expressivity", "reproduce", "rewiring")
TUTORIALS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in _LONGER))
    for path in sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
]


@pytest.mark.parametrize("path", TUTORIALS)
def test_a_tutorial_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.load_all()
    # what a page registers goes with it; its classes are found by their module, as in a notebook
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    notebook = ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", notebook)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    assert len(cells) >= 3
    for number, source in enumerate(cells):
        exec(compile(source, f"{path.name}, cell {number}", "exec"), vars(notebook))
