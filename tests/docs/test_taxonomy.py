"""The taxonomy places every registered system once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from graphpoly.registry import entries

PAGE = Path(__file__).parents[2] / "docs" / "taxonomy.md"
KINDS = ("layer", "aggregation", "model", "kernel", "transform")


def misplaced(text: str) -> dict[str, int]:
    """Return the names that do not stand exactly once, with how often they do."""
    placed = Counter(re.findall(r"`(\w+)`", text))
    known = {entry.name for kind in KINDS for entry in entries(kind)}
    return {
        name: placed[name] for name in known | set(placed) if placed[name] != 1 or name not in known
    }


def test_every_system_has_one_place() -> None:
    assert misplaced(PAGE.read_text(encoding="utf-8")) == {}


def test_one_that_is_missing_or_unknown_is_noticed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert misplaced(text.replace("`SheafNN`", "")) == {"SheafNN": 0}
    assert misplaced(text + "`NoSuchNet`") == {"NoSuchNet": 1}
