"""Data of OGB's that cannot be had is said at once: one line, code 2, and no torch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from graphpoly.cli import ogb_data
from graphpoly.cli.names import known_names
from graphpoly.data import find_dataset

CODE = """
import json, socket, sys, time
from graphpoly.cli.app import app

def nowhere(*_, **__):
    raise socket.gaierror(-2, "Name or service not known")

socket.create_connection = nowhere
for name in json.loads(sys.argv[1]):
    began = time.process_time()
    code = app([*name.split(), "--root", sys.argv[2]], standalone_mode=False)
    print(name, code, "torch" in sys.modules, time.process_time() - began < 2)
"""


def test_every_row_of_ogb_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    rows = known_names()["ogb"]
    assert len(rows) > 20
    datasets = sorted(set(rows.values()))
    asked = [f"train {name}" for name in rows]
    for verb in ("train GCN", "tune GCN", "compare GCN MLP", "robustness GCN"):
        asked += [f"{verb} {dataset}" for dataset in datasets]
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(asked), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == [f"{name} 2 False True" for name in asked], done.stderr
    for name, line in zip(asked, done.stderr.splitlines(), strict=True):
        dataset = rows.get(name.split()[-1]) or name.split()[-1]
        folder = tmp_path / "ogb" / dataset.replace("-", "_")
        assert line == (
            f"error: dataset {dataset!r}: {folder} does not hold it and the download failed: "
            "ConnectionError: [Errno -2] Name or service not known; put the dataset there, pass "
            "another root, or set GRAPHPOLY_DATA"
        )
    assert list(tmp_path.iterdir()) == []


def test_rows_name_datasets_that_are_registered() -> None:
    for dataset in set(known_names()["ogb"].values()):
        assert find_dataset(dataset).name == dataset


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch be unknown, and no host be found."""

    def nowhere(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(ogb_data.socket, "create_connection", nowhere)
    monkeypatch.setattr(ogb_data.urllib.request, "getproxies", dict)


def check(root: Path, *names: str) -> None:
    ogb_data.check_ogb_data(list(names), root)


def test_what_is_there_is_not_asked_for(early: None, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="Connection refused"):
        check(tmp_path, "gcn/ogbn-arxiv")
    for place in ("ogb/ogbn_arxiv/raw", "ogbl_ddi_pyg"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "some").touch()
    check(tmp_path, "gcn/ogbn-arxiv")
    check(tmp_path, "GCN", "ogbl-ddi")
    with pytest.raises(ConnectionError, match="'ogbg-molhiv'"):
        check(tmp_path, "GCN", "OGBG-molhiv")


@pytest.mark.parametrize("names", [[], ["demo"], ["GCN", "cora"], ["GCN", "ogbn-none"], ["a"] * 3])
def test_other_data_is_left_to_the_run(early: None, tmp_path: Path, names: list[str]) -> None:
    check(tmp_path, *names)


def test_a_proxy_is_left_to_the_download(
    early: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"http": "http://proxy.invalid:3128"}
    monkeypatch.setattr(ogb_data.urllib.request, "getproxies", lambda: proxies)
    check(tmp_path, "gcn/ogbn-arxiv")


def test_a_host_that_does_not_answer_is_left_to_the_download(
    early: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def swallowed(*_: object, **__: object) -> None:
        ended.wait()
        raise TimeoutError

    monkeypatch.setattr(ogb_data, "_SECONDS", 0.05)
    monkeypatch.setattr(ogb_data.socket, "create_connection", swallowed)
    began = time.monotonic()
    check(tmp_path, "gcn/ogbn-arxiv")
    assert time.monotonic() - began < 5
    ended.set()
