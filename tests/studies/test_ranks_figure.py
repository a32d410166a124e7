from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="matplotlib, the extra graphpoly[viz], is not installed")

from graphpoly.studies.ranks_figure import _BAR, draw_ranks

RANKS = {"GIN": 1.6, "GCN": 2.1, "SAGE": 2.9, "MLP": 3.4, "GAT": 5.0}


def bars(svg: str) -> list[float]:
    """The lengths of the bars, in the unit of the drawing."""
    found = re.findall(rf'd="M ([\d.]+) [\d.]+ \s*L ([\d.]+) [\d.]+ \s*"[^>]*stroke: {_BAR}', svg)
    return [float(stop) - float(start) for start, stop in found]


def test_bars_join_what_cannot_be_told_apart(tmp_path: Path) -> None:
    one, again = tmp_path / "one.svg", tmp_path / "again.svg"
    draw_ranks(RANKS, 1.4, "over 10 divisions", one)
    draw_ranks(RANKS, 1.4, "over 10 divisions", again)
    text = one.read_text()
    assert text == again.read_text()
    for name, rank in RANKS.items():
        assert f"{name}  {rank:.2f}" in text
    assert "over 10 divisions" in text
    assert "critical difference 1.40" in text
    lengths = bars(text)
    assert len(lengths) == 2  # GIN to SAGE, and GCN to MLP
    assert lengths[0] == pytest.approx(lengths[1])
    draw_ranks(RANKS, 0.3, "", one)
    assert bars(one.read_text()) == []


def test_a_distance_beyond_the_axis_is_said(tmp_path: Path) -> None:
    draw_ranks({"A": 1.3, "B": 1.7}, 1.131, "", tmp_path / "two.svg", tmp_path / "two.png")
    assert "critical difference 1.13, more than there is" in (tmp_path / "two.svg").read_text()
    assert (tmp_path / "two.png").stat().st_size > 1000
