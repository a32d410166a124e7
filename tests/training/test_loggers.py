"""Histories are exact, whole lines, and cut back to where a run resumes."""

from __future__ import annotations

import json
import math
import sys

import pytest

from graphpoly.training import CheckpointError, CsvLogger, JsonlLogger, TensorBoardLogger
from graphpoly.training.loggers import default_loggers, read_history

ROWS = [{"epoch": epoch, "loss": 1 / 3 + epoch, "val": 0.1 * epoch} for epoch in range(1, 6)]


def write(logger, rows, after=0):
    logger.open(after)
    for row in rows:
        logger.log(row)
    logger.close()


@pytest.mark.parametrize(("kind", "name"), [(CsvLogger, "h.csv"), (JsonlLogger, "h.jsonl")])
@pytest.mark.parametrize("after", range(5))
def test_resumed_history_equals_the_undisturbed_one(tmp_path, kind, name, after):
    whole, resumed = tmp_path / f"whole-{name}", tmp_path / name
    write(kind(whole), ROWS)
    write(kind(resumed), [*ROWS[:4], {**ROWS[4], "loss": 99.0}])
    with resumed.open("a") as file:
        file.write("6,0.3" if kind is CsvLogger else '{"epo')
    write(kind(resumed), ROWS[after:], after=after)
    assert resumed.read_bytes() == whole.read_bytes()


def test_numbers_are_exact(tmp_path):
    write(CsvLogger(tmp_path / "h.csv"), ROWS)
    write(JsonlLogger(tmp_path / "h.jsonl"), ROWS)
    lines = (tmp_path / "h.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,val"
    assert [float(field) for field in lines[3].split(",")] == list(ROWS[2].values())
    read = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert read == ROWS


def test_rows_are_readable_as_they_come_and_need_not_be_finite(tmp_path):
    csv, jsonl = CsvLogger(tmp_path / "h.csv"), JsonlLogger(tmp_path / "h.jsonl")
    for logger in (csv, jsonl):
        logger.open(0)
        logger.log({"epoch": 1, "loss": math.nan, "val": math.inf})
        logger.log({"epoch": 2, "loss": 0.5})
    assert csv.path.read_text() == "epoch,loss,val\n1,nan,inf\n2,0.5,\n"
    assert json.loads(jsonl.path.read_text().splitlines()[0])["loss"] is None
    for logger in (csv, jsonl):
        logger.close()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (CsvLogger, "a,b\n"),
        (CsvLogger, "\n"),
        (CsvLogger, '"epoch\n'),
        *(
            (CsvLogger, f"epoch,loss\n1,0.5\n{line}\n3,0.1\n")
            for line in ("x,0.5", "2", "2,0.5,0.5", "2,much", "", "2.5,0.5", ",", '2,"0.5', "\0")
        ),
        (CsvLogger, f"epoch,loss\n1,0.5\n2,{'1' * 200_000}x\n"),
        (CsvLogger, b"epoch,loss\n1,0.5\n\xff,0.5\n"),
        *(
            (JsonlLogger, f'{{"epoch": 1}}\n{{"epoch": 2}}\n{line}\n')
            for line in (
                "{}",
                "x",
                "",
                "[]",
                "3",
                "null",
                '{"epoch": 3.0}',
                '{"epoch": true}',
                '{"epoch": null}',
                '{"epoch": [3]}',
                '{"epoch": "three"}',
                "[" * 100_000,
            )
        ),
        (JsonlLogger, b'{"epoch": 1}\n{"epoch": 2}\n\xff\n'),
    ],
    ids=lambda value: repr(value[-16:]) if isinstance(value, str | bytes) else value.__name__,
)
def test_line_that_is_of_no_history_is_named(tmp_path, kind, text):
    path = tmp_path / "h"
    text = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(text)
    bad = 3 if text.count(b"\n") > 2 else 1  # the sound lines stand before it
    with pytest.raises(CheckpointError, match=f"h: line {bad} was altered; it is not of the hist"):
        kind(path).open(3)
    assert path.read_bytes() == text
    if kind is CsvLogger:
        with pytest.raises(CheckpointError, match=f"h: line {bad} was altered"):
            read_history(path)


@pytest.mark.parametrize("kind", [CsvLogger, JsonlLogger])
def test_a_folder_in_place_of_the_history_is_named(tmp_path, kind):
    with pytest.raises(CheckpointError, match="a folder, not the history of a run"):
        kind(tmp_path).open(3)


def test_history_is_read_back(tmp_path):
    path = tmp_path / "h.csv"
    write(CsvLogger(path), [*ROWS[:2], {"epoch": 3, "loss": math.inf}])
    rows = read_history(path)
    assert rows[:2] == ROWS[:2]
    assert (rows[2]["epoch"], rows[2]["loss"]) == (3, math.inf)
    assert math.isnan(rows[2]["val"])
    path.write_text("")
    assert read_history(path) == []


def test_tensorboard_gets_every_scalar(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(TensorBoardLogger(tmp_path), ROWS[:4])
    write(TensorBoardLogger(tmp_path), ROWS[2:], after=2)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("val")] == [1, 2, 3, 4, 5]
    assert events.Scalars("loss")[4].value == pytest.approx(ROWS[4]["loss"])


def test_tensorboard_is_optional(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"graphpoly\[train\]"):
        TensorBoardLogger(tmp_path)
    kinds = [type(logger) for logger in default_loggers(tmp_path, tensorboard=True)]
    assert kinds == [CsvLogger, JsonlLogger]
