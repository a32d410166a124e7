"""The table of speed in the README is that of the result files."""

from __future__ import annotations

from benchmarks import readme_block


def test_the_committed_table_is_made_from_the_results() -> None:
    page = readme_block.PATH.read_text(encoding="utf-8")
    assert page == readme_block.render()
    assert page.count("| training step of ") == 4
