"""Checkpoints are whole or not there, and refuse what is not theirs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from graphpoly.training import checkpoint as module
from graphpoly.training.checkpoint import (
    CheckpointError,
    Snapshot,
    load_checkpoint,
    require_same,
    save_checkpoint,
)

IDENTITY = {"seed": 0, "train": {"epochs": 5, "patience": None}}


def snapshot(epoch: int) -> Snapshot:
    weights = {"weight": torch.full((2, 3), float(epoch))}
    best = {"weight": torch.full((2, 3), epoch - 0.5)}
    return Snapshot(last=weights, best=best, state={"epoch": epoch, "rng": (3, (1, 2), None)})


def contents(directory: Path) -> dict[str, bytes]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_round_trip(tmp_path):
    directory = tmp_path / "run" / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    loaded = load_checkpoint(directory, IDENTITY)
    assert loaded.state == {"epoch": 4, "rng": (3, (1, 2), None)}
    assert torch.equal(loaded.last["weight"], torch.full((2, 3), 4.0))
    assert torch.equal(loaded.best["weight"], torch.full((2, 3), 3.5))
    meta = json.loads((directory / "meta.json").read_text())
    assert meta["format"] == 1
    assert meta["epoch"] == 4
    assert meta["versions"]["torch"] == torch.__version__
    assert set(meta["files"]) == {"last.safetensors", "best.safetensors", "state.pt"}


def test_nothing_there(tmp_path):
    assert load_checkpoint(tmp_path / "checkpoint", IDENTITY) is None
    assert list(tmp_path.iterdir()) == []


def test_tied_and_transposed_weights(tmp_path):
    layer = nn.Linear(3, 3, bias=False)
    tied = {"a.weight": layer.weight, "b.weight": layer.weight, "c": layer.weight.t()}
    save_checkpoint(tmp_path / "checkpoint", Snapshot(tied, {}, {}), IDENTITY)
    loaded = load_checkpoint(tmp_path / "checkpoint", IDENTITY)
    for name, value in tied.items():
        assert torch.equal(loaded.last[name], value), name


def test_state_that_is_no_tensor_is_named(tmp_path):
    broken = Snapshot({"_extra_state": {"a": 1}}, {}, {})
    with pytest.raises(TypeError, match="'_extra_state'"):
        save_checkpoint(tmp_path / "checkpoint", broken, IDENTITY)


class Crash(BaseException):
    """Ends a process as far as the code under test can tell."""


def crash_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Crash before the n-th call that reaches the disk; a crash while writing leaves half a file.

    The directory is left as it is: no ``finally`` of the code under test puts it in order.
    """
    count = 0

    def counted(real, *, half=None):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                if half is not None:
                    half(*arguments)
                raise Crash
            return real(*arguments, **options)

        return call

    def half_written(path, data):
        path.write_bytes(data[: len(data) // 2])

    def half_removed(path, heir):
        sorted(path.iterdir())[0].unlink()

    patch.setattr(module, "write_synced", counted(module.write_synced, half=half_written))
    patch.setattr(module, "fsync_directory", counted(module.fsync_directory))
    patch.setattr(module.os, "replace", counted(module.os.replace))
    patch.setattr(module, "_discard", counted(module._discard, half=half_removed))


def test_crash_at_every_moment_leaves_a_whole_checkpoint(tmp_path):
    found = []
    for step in range(1, 50):
        directory = tmp_path / str(step) / "checkpoint"
        save_checkpoint(directory, snapshot(1), IDENTITY)
        with pytest.MonkeyPatch.context() as patch:
            crash_at(patch, step)
            try:
                save_checkpoint(directory, snapshot(2), IDENTITY)
            except Crash:
                finished = False
            else:
                finished = True
        loaded = load_checkpoint(directory, IDENTITY)
        epoch = loaded.state["epoch"]
        assert loaded.last["weight"][0, 0] == epoch
        assert loaded.best["weight"][0, 0] == epoch - 0.5
        found.append(epoch)
        # And the next one is written over whatever the crash left.
        save_checkpoint(directory, snapshot(3), IDENTITY)
        assert load_checkpoint(directory, IDENTITY).state["epoch"] == 3
        assert [path.name for path in directory.parent.iterdir()] == ["checkpoint"]
        if finished:
            break
    assert finished
    # 4 files, 1 directory, 2 renames, 1 directory, 1 removal, then none of them.
    assert found == [1] * 7 + [2] * 3


def test_second_crash_spares_what_the_first_one_left(tmp_path):
    """After a crash between the renames the only whole checkpoint is the one put aside."""
    between_renames, steps = 7, 10  # one step more than an undisturbed save: the recovery
    for step in range(1, steps + 1):
        directory = tmp_path / str(step) / "checkpoint"
        save_checkpoint(directory, snapshot(1), IDENTITY)
        for crash in (between_renames, step):
            with pytest.MonkeyPatch.context() as patch:
                crash_at(patch, crash)
                with pytest.raises(Crash):
                    save_checkpoint(directory, snapshot(2), IDENTITY)
        loaded = load_checkpoint(directory, IDENTITY)
        assert loaded.last["weight"][0, 0] == loaded.state["epoch"]


@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors", "state.pt", "meta.json"])
@pytest.mark.parametrize("damage", ["cut short", "altered", "missing", "empty"])
def test_damage_is_one_line_that_names_the_file(tmp_path, name, damage):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    path = directory / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "altered":
        place = len(data) // 2
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut short" else b"")
    before = contents(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(directory, IDENTITY)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_every_single_edit_of_meta_is_noticed(tmp_path):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    path = directory / "meta.json"
    meta = json.loads(path.read_text())
    for key in meta:
        path.write_text(json.dumps({**meta, key: "edited"}))
        with pytest.raises(CheckpointError, match=r"meta\.json"):
            load_checkpoint(directory, IDENTITY)


def test_other_format_version(tmp_path):
    directory = tmp_path / "checkpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FORMAT", 2)
        save_checkpoint(directory, snapshot(4), IDENTITY)
    with pytest.raises(CheckpointError, match=r"meta.json: format 2, but this version reads 1"):
        load_checkpoint(directory, IDENTITY)


def test_other_configuration(tmp_path):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    other = {"seed": 0, "train": {"epochs": 6, "patience": None}}
    with pytest.raises(CheckpointError, match=r"meta.json: this run has train.epochs = 5, not 6"):
        load_checkpoint(directory, other)


@pytest.mark.parametrize(
    ("stored", "current", "message"),
    [
        ({"a": 1}, {"a": 1.0}, None),
        ({"a": (1, 2)}, {"a": [1, 2]}, None),
        ({"a": float("inf")}, {"a": float("inf")}, None),
        ({"a": True}, {"a": 1}, "a = true, not 1"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, r"a.b\[1\] = 2, not 3"),
        ({"a": [1]}, {"a": [1, 2]}, r"a = \[1\], not \[1, 2\]"),
        ({"a": 1, "gone": 2}, {"a": 1}, "gone = 2, not null"),
        ({"a": 1}, {"a": 1, "new": 2}, "new = null, not 2"),
    ],
)
def test_first_difference_is_named(stored, current, message):
    stored = json.loads(module.to_json(module.json.loads(module.to_json(_listed(stored)))))
    if message is None:
        require_same(Path("meta.json"), stored, _listed(current))
    else:
        with pytest.raises(CheckpointError, match=message):
            require_same(Path("meta.json"), stored, _listed(current))


def _listed(value):
    from graphpoly.files import plain

    return plain(value)


def rewrite_meta(directory, change):
    """Change ``meta.json`` as somebody does who mends its checksum, too."""
    path = directory / "meta.json"
    meta = json.loads(path.read_text())
    change(meta)
    meta["digest"] = module._digest(meta)
    path.write_text(json.dumps(meta))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "not readable"),
        ('{"format": 1, "x": ' + "[" * 900 + "]" * 900 + "}", "altered"),
        ('{"format": ' + "[" * 400 + "]" * 400 + "}", "format "),
        ("[]", "not readable"),
        ("1", "not readable"),
        ("null", "not readable"),
        ("{}", "not readable"),
        ('"format"', "not readable"),
        ('{"format": 1}', "altered"),
        ('{"format": 1.0}', r"format 1\.0, but this version reads 1"),
        ('{"format": true}', "format true, but this version reads 1"),
        ('{"format": "1"}', 'format "1", but this version reads 1'),
        ('{"format": null}', "format null, but this version reads 1"),
        ("\x00", "not readable"),
        (b"\xff\xfe", "not readable"),
    ],
)
@pytest.mark.parametrize(
    "load", [lambda path: load_checkpoint(path, IDENTITY), module.load_weights]
)
def test_metadata_of_any_shape_is_one_line_that_names_it(tmp_path, text, words, load):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    (directory / "meta.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CheckpointError, match=rf"meta\.json: .*{words}") as caught:
        load(directory)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        *(lambda meta, key=key: meta.pop(key) for key in ("files", "identity")),
        lambda meta: meta.update(files=[]),
        lambda meta: meta.update(files=None),
        lambda meta: meta.update(identity=[1]),
        lambda meta: meta.update(format=1.0),
        lambda meta: meta.update(format=True),
        lambda meta: meta["files"].pop("state.pt"),
        lambda meta: meta["files"].update({"last.safetensors": 3}),
        lambda meta: meta.update(identity={}),
    ],
)
def test_metadata_whose_checksum_was_mended_is_still_read_with_care(tmp_path, change):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    rewrite_meta(directory, change)
    with pytest.raises(CheckpointError, match=r"meta\.json|state\.pt|last\.safetensors"):
        load_checkpoint(directory, IDENTITY)


@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors", "state.pt"])
@pytest.mark.parametrize("data", [b"", b"nothing", b"\xff" * 100, b"PK\x03\x04"])
def test_contents_whose_checksum_was_mended_are_one_line(tmp_path, name, data):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    (directory / name).write_bytes(data)
    found = hashlib.sha256(data).hexdigest()
    rewrite_meta(directory, lambda meta: meta["files"].update({name: found}))
    with pytest.raises(CheckpointError, match=name) as caught:
        load_checkpoint(directory, IDENTITY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["last.safetensors", "best.safetensors", "state.pt", "meta.json"])
def test_a_folder_in_place_of_a_file_is_named(tmp_path, name):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(4), IDENTITY)
    (directory / name).unlink()
    (directory / name).mkdir()
    with pytest.raises(CheckpointError, match=rf"{name}: is a directory"):
        load_checkpoint(directory, IDENTITY)


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old", "checkpoint.new"])
def test_a_file_in_place_of_the_folder_is_named_and_kept(tmp_path, name):
    directory = tmp_path / "checkpoint"
    if name != "checkpoint":
        save_checkpoint(directory, snapshot(4), IDENTITY)
    (tmp_path / name).write_text("mine")
    with pytest.raises(CheckpointError, match=rf"{name}: not a folder; move it away"):
        save_checkpoint(directory, snapshot(5), IDENTITY)
    assert (tmp_path / name).read_text() == "mine"
    if name == "checkpoint":
        with pytest.raises(CheckpointError, match=r"meta\.json: not a directory"):
            load_checkpoint(directory, IDENTITY)


def test_what_lies_beside_our_files_is_carried_over(tmp_path):
    directory = tmp_path / "checkpoint"
    save_checkpoint(directory, snapshot(1), IDENTITY)
    (directory / "notes.txt").write_text("first")
    (directory / "figures").mkdir()
    (directory / "figures" / "a.svg").write_text("<svg/>")
    (tmp_path / "checkpoint.old").mkdir()
    (tmp_path / "checkpoint.old" / "notes.txt").write_text("older")
    for epoch in (2, 3):
        save_checkpoint(directory, snapshot(epoch), IDENTITY)
    kept = contents(directory)
    assert {kept.pop("notes.txt"), kept.pop("notes.txt.old")} == {b"first", b"older"}
    assert kept.pop("figures/a.svg") == b"<svg/>"
    assert sorted(kept) == ["best.safetensors", "last.safetensors", "meta.json", "state.pt"]
    assert load_checkpoint(directory, IDENTITY).state["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
