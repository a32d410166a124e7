from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from graphpoly.training import CheckpointError
from graphpoly.training.lines import LineFile

HEADER = {"model": "GIN", "settings": {"lr": 0.1}}


@pytest.fixture
def path(tmp_path):
    file = LineFile(tmp_path / "deep" / "lines.jsonl", HEADER)
    for pair in range(3):
        file.append({"pair": pair, "value": pair / 3})
    return file.path


def test_lines_come_back(path) -> None:
    records = LineFile(path, HEADER, resume=True).records
    assert records == [{"pair": pair, "value": pair / 3} for pair in range(3)]
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize("left", [1, 10, -1])
def test_a_line_that_was_cut_is_dropped(path, left) -> None:
    held = path.read_bytes()
    last = held[:-1].rfind(b"\n") + 1
    path.write_bytes(held[: last + left] if left > 0 else held[:left])
    file = LineFile(path, HEADER, resume=True)
    assert [record["pair"] for record in file.records] == [0, 1]
    file.append({"pair": 7})
    assert [r["pair"] for r in LineFile(path, HEADER, resume=True).records] == [0, 1, 7]


def test_a_cut_header_is_written_anew(path) -> None:
    path.write_bytes(path.read_bytes()[:9])
    assert LineFile(path, HEADER, resume=True).records == []
    assert LineFile(path, HEADER, resume=True).records == []
    path.write_bytes(b"")
    assert LineFile(path, HEADER).records == []


@pytest.mark.parametrize("change", [('"pair": 1', '"pair": 2'), ('"check"', '"chk"'), ("{", "[")])
def test_altered_lines_are_named(path, change) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace(*change)
    path.write_text("".join(lines))
    with pytest.raises(CheckpointError, match=r"line 3 was altered"):
        LineFile(path, HEADER, resume=True)


def test_another_header_is_refused(path) -> None:
    with pytest.raises(CheckpointError, match=r"made with settings=.*0\.1.*not .*0\.2"):
        LineFile(path, {"model": "GIN", "settings": {"lr": 0.2}}, resume=True)
    with pytest.raises(CheckpointError, match="holds results already"):
        LineFile(path, HEADER)


def test_values_that_are_no_numbers_are_refused(path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        LineFile(path, HEADER, resume=True).append({"value": float("nan")})
    assert len(LineFile(path, HEADER, resume=True).records) == 3


@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_a_killed_writer_leaves_whole_lines(tmp_path) -> None:
    path = tmp_path / "lines.jsonl"
    code = (
        "import sys; from graphpoly.training.lines import LineFile\n"
        "file = LineFile(sys.argv[1], {'a': 1})\n"
        "for i in range(10**6): file.append({'i': i, 'long': 'x' * 5000})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (path.is_file() and path.stat().st_size > 50_000):
        time.sleep(0.02)
    process.kill()
    process.wait()
    records = LineFile(path, {"a": 1}, resume=True).records
    assert [record["i"] for record in records] == list(range(len(records)))
    assert len(records) > 5
    assert all(json.loads(line) for line in path.read_text().splitlines())
