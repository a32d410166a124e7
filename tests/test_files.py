"""What every writer says where the disk is full, and where a path leads nowhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from graphpoly.files import fsync_directory, naming, replacing, write_atomically, write_synced
from graphpoly.training import CsvLogger, JsonlLogger
from graphpoly.training.checkpoint import Snapshot, load_checkpoint, save_checkpoint
from graphpoly.training.lines import LineFile
from graphpoly.training.run_directory import lock, write_config
from tests.processes import together

ROW = {"epoch": 1, "loss": 1 / 3}
IDENTITY = {"seed": 0}


def log(kind):
    def write(path):
        logger = kind(path)
        try:
            logger.open(0)
            for epoch in range(1, 1000):
                logger.log({**ROW, "epoch": epoch})
            logger.flush()
        finally:
            logger.close()

    return write


def append(path):
    file = LineFile(path, {"model": "GIN"}, resume=True)
    for pair in range(1000):
        file.append({"pair": pair})


def save(path):
    weights = {"weight": torch.ones(9000)}
    save_checkpoint(path.parent, Snapshot(weights, weights, {"epoch": 2}), IDENTITY)


# what writes, and the file that it is asked for
WRITERS = {
    "write_synced": (lambda path: write_synced(path, b"x" * 9000), "f.bin"),
    "write_atomically": (lambda path: write_atomically(path, "x" * 9000), "f.txt"),
    "write_config": (lambda path: write_config(path.parent, {"a": "x" * 9000}), "config.yaml"),
    "CsvLogger": (log(CsvLogger), "h.csv"),
    "JsonlLogger": (log(JsonlLogger), "h.jsonl"),
    "LineFile": (append, "lines.jsonl"),
    "save_checkpoint": (save, "checkpoint/last.safetensors"),
}


@pytest.fixture
def full_disk():
    """A limit on the size of files: the write that meets it is taken in part, the next fails."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, name, full_disk):
    write, file = WRITERS[name]
    path = tmp_path / file
    full_disk()
    with pytest.raises(OSError, match=r"\[Errno \d+\] .+: '.+'") as caught:
        write(path)
    assert caught.value.errno == errno.EFBIG
    assert isinstance(caught.value.filename, str)
    assert caught.value.filename.replace("checkpoint.new", "checkpoint") == str(path)
    assert "Path(" not in str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
def test_no_space_left_is_an_error_that_names_the_file(tmp_path, name, monkeypatch):
    """The error of ``fsync``, which is the first to know on some file systems."""
    write, file = WRITERS[name]
    path = tmp_path / file

    def fsync(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left on device: '") as caught:
        write(path)
    assert caught.value.filename.replace("checkpoint.new", "checkpoint") == str(path)


def test_what_was_there_outlives_a_full_disk(tmp_path, full_disk):
    small = Snapshot({}, {}, {"epoch": 1})
    save_checkpoint(tmp_path / "checkpoint", small, IDENTITY)
    write_atomically(tmp_path / "f.txt", "old")
    lines = tmp_path / "lines.jsonl"
    full_disk()
    with pytest.raises(OSError, match="last"):
        save(tmp_path / "checkpoint" / "last.safetensors")
    with pytest.raises(OSError, match=r"f\.txt"):
        write_atomically(tmp_path / "f.txt", "x" * 9000)
    with pytest.raises(OSError, match="lines"):
        append(lines)
    loaded = load_checkpoint(tmp_path / "checkpoint", IDENTITY)
    assert loaded is not None
    assert loaded.state == {"epoch": 1}
    assert (tmp_path / "f.txt").read_text() == "old"
    assert lines.read_bytes().endswith(b"\n")
    records = LineFile(lines, {"model": "GIN"}, resume=True).records
    assert [record["pair"] for record in records] == list(range(len(records)))
    assert len(records) > 10


@pytest.mark.parametrize(
    "call",
    [
        lambda path: write_synced(path, b""),
        lambda path: write_atomically(path, ""),
        fsync_directory,
        lambda path: JsonlLogger(path).open(0),
        lambda path: os.mkdir(path.parent.parent) or os.replace(path, path),
    ],
    ids=["write_synced", "write_atomically", "fsync_directory", "JsonlLogger", "os"],
)
def test_paths_are_printed_as_text(tmp_path, call):
    path = tmp_path / "no" / "folder" / "f"
    with pytest.raises(FileNotFoundError) as caught, naming(path):
        call(path)
    assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"


def test_the_lock_of_a_folder_that_cannot_be_made_is_text(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="'") as caught, lock(Path(tmp_path / "file" / "run")):
        pass
    assert "Path(" not in str(caught.value)


def test_errors_without_a_number_pass(tmp_path):
    with pytest.raises(OSError, match=r"^words$") as caught, naming(tmp_path):
        raise OSError("words")
    assert caught.value.filename is None


def replaced_often(path):
    """Replace a file by two hundred lines, one after the other, many times."""
    for turn in range(40):
        with replacing(path) as temporary, temporary.open("w") as file:
            for _ in range(200):
                file.write(f"{dist.get_rank()} {turn}\n")
                file.flush()
        assert len(set(path.read_text().splitlines())) == 1
    return dist.get_rank()


def test_processes_that_replace_one_file_take_turns(tmp_path):
    path = tmp_path / "one.txt"
    assert together(replaced_often, 3, tmp_path / "meeting", path) == [0, 1, 2]
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert len(set(lines)) == 1
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["one.txt"]


def half_of(path):
    with replacing(path) as temporary:
        temporary.write_text("half of")
        raise KeyError


def test_a_file_that_fails_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "one.txt"
    write_atomically(path, "old")
    with pytest.raises(KeyError):
        half_of(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("one.txt", "old")]
