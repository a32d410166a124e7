from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import pytest

from graphpoly import recipes

FILES = sorted(Path(recipes.__path__[0]).glob("*.py"))
SHARED = 10  # lines: what two files may not have in common, one after the other


def lines(source: str) -> list[str]:
    """Lines that say something: no blank ones, comments or imports; the indentation is nothing."""
    imported = {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    stripped = ((number, line.strip()) for number, line in enumerate(source.splitlines(), 1))
    return [
        line
        for number, line in stripped
        if line and not line.startswith("#") and number not in imported
    ]


def windows(source: str, size: int = SHARED) -> set[tuple[str, ...]]:
    held = lines(source)
    return {tuple(held[i : i + size]) for i in range(len(held) - size + 1)}


def test_no_two_files_share_ten_lines() -> None:
    held = {path.name: windows(path.read_text(encoding="utf-8")) for path in FILES}
    assert len(held) > 20
    twins = {
        (one, other): min(held[one] & held[other])
        for one, other in combinations(held, 2)
        if held[one] & held[other]
    }
    assert not twins


def test_the_room_stays_small() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES) < 3500


@pytest.mark.parametrize(("size", "found"), [(3, True), (4, False)])
def test_windows_see_through_blanks_comments_imports_and_indentation(size, found) -> None:
    one = "import os\nx = 1\n\n# why\ny = 2\nimport re\nz = 3\n"
    other = "def f():\n    x = 1\n    y = 2\n    z = 3\n    return x\n"
    assert bool(windows(one, size) & windows(other, size)) is found
