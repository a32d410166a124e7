"""One rule for whatever writes runs: a folder that holds one is gone on with, or left alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphpoly.training import CheckpointError
from graphpoly.training.run_directory import claim, lock, read_record, reserve, write_config

CONFIG = {"seed": 0, "train": {"epochs": 5}, "settings": {"K": 3}}
HOLD = """
import sys
from pathlib import Path
from graphpoly.training.run_directory import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def contend(directory: Path) -> None:
    """Hold a directory as another process would see it: without the locks of this thread."""

    def hold():
        with lock(directory):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold).result()


def snapshot(directory: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "results.json",
        "history.csv",
        "history.jsonl",
        "checkpoint/",
        "checkpoint.old/",
        "pairs.jsonl",
        "report.html",
        "sweep.svg",
        "seed-0/",
        "seed-17/",
    ],
)
def test_any_trace_of_a_run_is_refused_and_left_as_it_is(tmp_path, name):
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    else:
        path.write_text("somebody's")
    before = snapshot(tmp_path)
    match = rf"{path.name}: the directory holds a run already; resume it \(resume=True, or --re"
    with pytest.raises(CheckpointError, match=match), reserve(tmp_path, CONFIG, resume=False):
        raise AssertionError
    assert snapshot(tmp_path) == before
    if name != "config.yaml":  # which would be compared
        with reserve(tmp_path, CONFIG, resume=True):
            pass


def test_a_folder_that_another_process_holds_is_refused(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    before = snapshot(tmp_path)
    for resume in (False, True):
        with (
            pytest.raises(CheckpointError, match=r"\.lock: another process is writing this run"),
            reserve(tmp_path, resume=resume),
        ):
            raise AssertionError
    assert snapshot(tmp_path) == before
    process.kill()  # whatever ends the process ends the lock
    process.communicate()
    with reserve(tmp_path, resume=False):
        pass


def test_who_holds_a_folder_may_hold_it_again_and_a_thread_may_not(tmp_path):
    refused = []

    def other():
        try:
            with lock(tmp_path):
                pass
        except CheckpointError as error:
            refused.append(str(error))

    with lock(tmp_path), lock(tmp_path / "."), lock(tmp_path / "seed-0"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    other()
    assert len(refused) == 1


@pytest.mark.parametrize("place", ["new", "empty", "runs/gcn/cora", "runs/mine/new"])
def test_who_writes_nothing_leaves_nothing(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "results.json").write_text("stays")
    before, place = snapshot(tmp_path), tmp_path / place
    with pytest.raises(RuntimeError), reserve(place, resume=False), lock(place / "seed-0"):
        raise RuntimeError("before anything was written")
    assert snapshot(tmp_path) == before


def test_a_lock_that_was_taken_away_meanwhile_is_made_again(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    real, opened = fcntl.flock, []

    def flock(handle, operation):
        if not opened:  # its holder ends between our opening it and our locking it
            (tmp_path / "run" / ".lock").unlink()
            (tmp_path / "run").rmdir()
        opened.append(handle)
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock(tmp_path / "run"):
        assert len(opened) == 2
        with pytest.raises(CheckpointError, match="another process is writing"):
            contend(tmp_path / "run")


def test_a_run_that_came_and_went_before_the_lock_is_noticed(tmp_path, monkeypatch):
    module = sys.modules["graphpoly.training.run_directory"]
    real = module.lock

    def late(directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "results.json").write_text("theirs")
        return real(directory)

    monkeypatch.setattr(module, "lock", late)
    with (
        pytest.raises(CheckpointError, match="holds a run already"),
        reserve(tmp_path / "run", resume=False),
    ):
        raise AssertionError
    assert (tmp_path / "run" / "results.json").read_text() == "theirs"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    for resume in (False, True):
        with pytest.raises(CheckpointError, match="file: not a folder"):
            claim(path, CONFIG, resume=resume)


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")

    def flock(handle, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock(tmp_path):
        pass
    assert "no lock here" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "- 1\n",
        "3\n",
        "",
        "a: [\n",
        "train: 3\n",
        "train: {epochs: many}\n",
        "train: {epoch: 3}\n",
        "&a [*a]\n",
        "settings: &a {K: *a}\n",
        "settings: {K: 2020-01-01}\n",
        b"\xff\xfe\x00",
        None,
    ],
    ids=repr,
)
def test_a_configuration_of_any_shape_is_one_line_that_names_it(tmp_path, text):
    path = tmp_path / "config.yaml"
    write_config(tmp_path, CONFIG)
    claim(tmp_path, CONFIG, resume=True)
    if text is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CheckpointError, match=r"config\.yaml: ") as caught:
        claim(tmp_path, CONFIG, resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "3", "null", "{", "", b"\xff", None])
def test_a_record_of_any_shape_is_one_line_that_names_it(tmp_path, text):
    path = tmp_path / "results.json"
    with pytest.raises(CheckpointError, match=r"results\.json: missing"):
        read_record(path)
    if text is None:
        path.mkdir()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CheckpointError, match=r"results\.json: .*altered"):
        read_record(path)
