"""The page of layers, aggregations, models, kernels and transforms is that of the registry."""

from __future__ import annotations

from pathlib import Path

from benchmarks import operators_page
from graphpoly.registry import entries

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_committed_page_is_that_of_the_registry() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == operators_page.render()
    for kind in ("layer", "aggregation", "model", "kernel", "transform"):
        for entry in entries(kind):
            assert f"| `{entry.name}` | {kind} |" in page
