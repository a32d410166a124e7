"""Checkpoints that are whole or not there.

A checkpoint is a directory of four files: the weights of the last and of the best epoch
(safetensors), everything else that a run needs to go on (``state.pt``: optimiser, generators,
epoch, best so far; read without pickle), and ``meta.json`` with the format version, the
configuration, the package versions and the SHA-256 of the other files. Whatever else lies in the
directory is not ours: it is carried over to the next checkpoint, never removed.

It is written under another name and renamed when it is whole. A directory cannot replace another
in one step, so the old one is first renamed to ``checkpoint.old``; where a run ends between the
two renames, :func:`load_checkpoint` finds the old one under that name.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from graphpoly.files import fsync_directory, naming, to_json, write_synced
from graphpoly.versions import versions

__all__ = ["FORMAT", "CheckpointError", "Snapshot", "config_hash", "load_checkpoint"]
__all__ += ["load_state", "load_weights", "require_same", "restore_weights", "save_checkpoint"]

FORMAT = 1
_FILES = ("last.safetensors", "best.safetensors", "state.pt")
_META = "meta.json"


class CheckpointError(ValueError):
    """A checkpoint or run directory cannot be used: one line that names the file and says why."""


@dataclass
class Snapshot:
    """A run after a whole number of epochs.

    Attributes:
        last: State dict of the model.
        best: State dict of the model at the best epoch.
        state: Everything else, in types that ``torch.load(weights_only=True)`` reads.
    """

    last: dict[str, Tensor]
    best: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(directory: Path, snapshot: Snapshot, identity: Mapping[str, Any]) -> None:
    """Replace the checkpoint ``directory``; killed at any moment, the old or the new one is whole.

    Args:
        directory: Where it goes, such as ``runs/demo/seed-0/checkpoint``.
        snapshot: What is saved.
        identity: Plain values that a resumed run must share.

    Raises:
        CheckpointError: If a file stands where the directory belongs.
        OSError: If the disk does not take it; the message names the file.
    """
    recover(directory)
    old, new = _old(directory), directory.with_name(directory.name + ".new")
    for place in (directory, old, new):
        if place.exists() and not place.is_dir():
            raise CheckpointError(f"{place}: not a folder; move it away")
    new.mkdir(parents=True, exist_ok=True)
    if old.exists():
        with naming(old):
            _discard(old, new)

    contents = {
        "last.safetensors": _to_safetensors(snapshot.last),
        "best.safetensors": _to_safetensors(snapshot.best),
        "state.pt": _to_bytes(snapshot.state),
    }
    meta: dict[str, Any] = {
        "format": FORMAT,
        "epoch": snapshot.state.get("epoch"),
        "config_hash": config_hash(identity),
        "identity": identity,
        "versions": versions(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    meta["digest"] = _digest(meta)
    contents[_META] = to_json(meta).encode()
    for name, data in contents.items():
        write_synced(new / name, data)
    fsync_directory(new)

    with naming(directory):
        if directory.exists():
            os.replace(directory, old)
        os.replace(new, directory)
    fsync_directory(directory.parent)
    if old.exists():
        with suppress(OSError):  # the checkpoint is whole; the next one tries again
            _discard(old, directory)


def load_checkpoint(directory: Path, identity: Mapping[str, Any]) -> Snapshot | None:
    """Read a checkpoint, or return ``None`` where there is none.

    Raises:
        CheckpointError: If a file is missing, cut short or altered, of another format version, or
            of a run with another configuration. Nothing is written in that case.
    """
    if not directory.exists():
        if not _old(directory).exists():
            return None
        directory = _old(directory)
    meta = _read_meta(directory / _META)
    contents = {name: _read(directory / name, meta["files"].get(name)) for name in _FILES}
    require_same(directory / _META, meta["identity"], identity)
    state = _state(directory / "state.pt", contents["state.pt"])
    weights = {}
    for name in ("last.safetensors", "best.safetensors"):
        with _readable(directory / name):
            weights[name] = safetensors.torch.load(contents[name])
    return Snapshot(weights["last.safetensors"], weights["best.safetensors"], state)


def load_weights(directory: Path) -> dict[str, Tensor]:
    """Read the state dict of the best epoch from a checkpoint, whatever run it is of.

    Raises:
        CheckpointError: If there is no checkpoint, or a file is missing, cut short or altered.
    """
    name = "best.safetensors"
    data = _contents(directory, name)
    with _readable(directory / name):
        return safetensors.torch.load(data)


def load_state(directory: Path) -> dict[str, Any]:
    """Read everything but the weights from a checkpoint, whatever run it is of.

    Raises:
        CheckpointError: As :func:`load_weights` does.
    """
    return _state(directory / "state.pt", _contents(directory, "state.pt"))


def restore_weights(net: nn.Module, directory: Path) -> None:
    """Give a network the weights that :func:`load_weights` reads.

    Raises:
        CheckpointError: Likewise, or if they are those of a network that was built otherwise.
    """
    weights = load_weights(directory)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{directory}: holds the weights of a network that was built otherwise, by another "
            "version or for other data; train it anew"
        ) from error


def recover(directory: Path) -> None:
    """Undo half of an exchange: bring ``checkpoint.old`` back where the new one never arrived."""
    if not directory.exists() and _old(directory).exists():
        with naming(directory):
            os.replace(_old(directory), directory)


def require_same(path: Path, stored: Any, current: Any) -> None:
    """Compare two plain configurations.

    Raises:
        CheckpointError: If they differ; the message names ``path`` and the first difference.
    """
    difference = _difference(stored, json.loads(to_json(current)), "")
    if difference is not None:
        name, was, now = difference
        raise CheckpointError(
            f"{path}: this run has {name} = {was}, not {now}; "
            "resume it with the same configuration, or write to another directory"
        )


def config_hash(identity: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that identify a configuration.

    >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
    True
    """
    canonical = json.dumps(json.loads(to_json(identity)), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _old(directory: Path) -> Path:
    return directory.with_name(directory.name + ".old")


def _discard(old: Path, heir: Path) -> None:
    """Remove a checkpoint that was replaced; what somebody else put into it moves to its heir."""
    for entry in sorted(old.iterdir()):
        if entry.name in (*_FILES, _META) and not entry.is_dir():
            entry.unlink()
            continue
        target = heir / entry.name
        while target.exists():
            target = target.with_name(target.name + ".old")
        os.replace(entry, target)
    old.rmdir()


def _to_safetensors(state: Mapping[str, Tensor]) -> bytes:
    tensors = {}
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise TypeError(f"state dict entry {name!r} must be a dense tensor to be checkpointed")
        # Cloned, because safetensors refuses entries that share memory, such as tied weights.
        tensors[name] = value.detach().cpu().contiguous().clone()
    return safetensors.torch.save(tensors)


def _to_bytes(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def _digest(meta: Mapping[str, Any]) -> str:
    rest = json.loads(to_json({key: value for key, value in meta.items() if key != "digest"}))
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read_meta(path: Path) -> dict[str, Any]:
    data = _bytes_of(path)
    try:
        meta = json.loads(data)
        version = meta["format"]
        if type(version) is not int or version != FORMAT:  # 1.0 and true are equal to 1
            words = json.dumps(version)
            raise CheckpointError(f"{path}: format {words}, but this version reads {FORMAT}")
        whole = meta.get("digest") == _digest(meta)
        shaped = isinstance(meta.get("files"), dict) and isinstance(meta.get("identity"), dict)
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: cut short or altered; it is not readable") from error
    if not whole:
        raise CheckpointError(f"{path}: cut short or altered; its checksum does not match")
    if not shaped:
        raise CheckpointError(f"{path}: has no files or identity; not of a checkpoint")
    return dict(meta)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: missing") from error
    except (IsADirectoryError, NotADirectoryError) as error:
        raise CheckpointError(f"{path}: {str(error.strerror).lower()}") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file whose bytes are those that were written, and yet cannot be read."""
    try:
        yield
    except (
        RuntimeError,
        ValueError,
        TypeError,
        EOFError,
        pickle.UnpicklingError,
        safetensors.SafetensorError,
    ) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path}: cannot be read by these versions: {reason}") from error


def _contents(directory: Path, name: str) -> bytes:
    if not directory.exists():
        raise CheckpointError(f"{directory}: no checkpoint of a run is here")
    return _read(directory / name, _read_meta(directory / _META)["files"].get(name))


def _state(path: Path, data: bytes) -> dict[str, Any]:
    with _readable(path):
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"a {type(state).__name__}, not the state of a run")
    return dict(state)


def _read(path: Path, checksum: str | None) -> bytes:
    data = _bytes_of(path)
    if hashlib.sha256(data).hexdigest() != checksum:
        raise CheckpointError(f"{path}: cut short or altered; its checksum does not match")
    return data


def _difference(stored: Any, current: Any, name: str) -> tuple[str, str, str] | None:
    """Return name and both values of the first difference, in the order of ``current``."""
    if isinstance(stored, dict) and isinstance(current, dict):
        for key in [*current, *(key for key in stored if key not in current)]:
            inner = f"{name}.{key}" if name else str(key)
            found = _difference(stored.get(key), current.get(key), inner)
            if found is not None:
                return found
        return None
    if isinstance(stored, list) and isinstance(current, list) and len(stored) == len(current):
        for index, (was, now) in enumerate(zip(stored, current, strict=True)):
            found = _difference(was, now, f"{name}[{index}]")
            if found is not None:
                return found
        return None
    # An integer 1 and a float 1.0 are the same setting; True and 1 are not.
    same = stored == current and isinstance(stored, bool) == isinstance(current, bool)
    if same:
        return None
    return name or "it", json.dumps(stored, default=str), json.dumps(current)
