"""Where OGB's datasets lie, known without torch."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["absent", "default_root", "is_occupied", "ogb_folder"]


def default_root() -> Path:
    """Return the folder of all datasets: ``$GRAPHPOLY_DATA``, else ``~/.cache/graphpoly``."""
    configured = os.environ.get("GRAPHPOLY_DATA")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "graphpoly"


def ogb_folder(root: str | Path | None, name: str) -> Path:
    """Return the folder of a dataset: in ``ogb`` below the root, or in the root if it is there."""
    root = Path(default_root() if root is None else root).expanduser()
    beside, inside = _folder(root, name), _folder(root / "ogb", name)
    return beside if beside.is_dir() and not inside.is_dir() else inside


def is_occupied(folder: Path) -> bool:
    """Return whether there is any file in a folder."""
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def absent(name: str, folder: Path, reason: str) -> str:
    """Say that a dataset is neither there nor to be had."""
    return (
        f"dataset {name!r}: {folder} does not hold it and the download failed: {reason}; put the "
        "dataset there, pass another root, or set GRAPHPOLY_DATA"
    )


def _folder(base: Path, name: str) -> Path:
    folder = base / name.replace("-", "_")
    processed_by_pyg = folder.with_name(folder.name + "_pyg")
    return processed_by_pyg if processed_by_pyg.exists() else folder
