from __future__ import annotations

from pathlib import Path

import pytest

from graphpoly.ogb_files import absent, default_root, is_occupied, ogb_folder
from tests.children import run


def test_the_folder_of_all_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHPOLY_DATA", "~/graphs")
    assert default_root() == Path.home() / "graphs"
    monkeypatch.setenv("GRAPHPOLY_DATA", "")
    assert default_root() == Path.home() / ".cache" / "graphpoly"


def test_where_a_dataset_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path))
    for made in (None, "ogbn_arxiv", "ogbn_arxiv_pyg", "ogb/ogbn_arxiv", "ogb/ogbn_arxiv_pyg"):
        if made is not None:
            (tmp_path / made).mkdir(parents=True)
        assert ogb_folder(None, "ogbn-arxiv") == tmp_path / (made or "ogb/ogbn_arxiv")


def test_folders_without_files_are_empty(tmp_path: Path) -> None:
    assert not is_occupied(tmp_path / "none")
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    assert not is_occupied(tmp_path)
    (tmp_path / "raw" / "deep" / "edge.csv.gz").touch()
    assert is_occupied(tmp_path)


def test_what_is_said_is_one_line() -> None:
    assert absent("ogbn-arxiv", Path("here"), "no host") == (
        "dataset 'ogbn-arxiv': here does not hold it and the download failed: no host; put the "
        "dataset there, pass another root, or set GRAPHPOLY_DATA"
    )


def test_torch_is_not_read() -> None:
    assert run("import sys, graphpoly.ogb_files; print('torch' in sys.modules)") == "False"
