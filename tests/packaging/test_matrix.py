"""What the matrix of versions makes of pip's answers, without asking it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tomllib

from tests.packaging import matrix

ROOT = Path(__file__).parents[2]


def report(*names: str) -> dict[str, object]:
    return {"install": [{"metadata": {"name": name, "version": "1"}} for name in names]}


def test_it_begins_where_the_promise_begins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"torch>={matrix.TORCH[0]}" in project["dependencies"]
    assert f"torch-geometric>={matrix.PYG[0]}" in project["dependencies"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("torch", "sympy"), ""),
        (("torch", "nvidia-cudnn-cu13"), "only a build for CUDA (nvidia-cudnn-cu13"),
        (("Torch", "cuda-bindings"), "only a build for CUDA (cuda-bindings"),
    ],
)
def test_a_build_for_cuda_is_told_by_what_it_brings(names, words):
    assert matrix.verdict(report(*names)).startswith(words)
    assert bool(matrix.verdict(report(*names))) == bool(words)


def test_what_cannot_be_had_is_named_and_no_failure(monkeypatch, capsys):
    def answer(python, command, *arguments):
        if command == "wheel":
            place = Path(arguments[arguments.index("--wheel-dir") + 1])
            (place / "graphpoly-0-py3-none-any.whl").write_text("")
            return subprocess.CompletedProcess([], 0, "", "")
        return subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found\n")

    tried = []
    monkeypatch.setattr(matrix, "pip", answer)
    monkeypatch.setattr(matrix, "try_pair", lambda *pair: tried.append(pair[:2]) or "broken")
    monkeypatch.setattr("sys.argv", ["matrix", "--torch", "2.12", "--pyg", "2.7"])
    assert matrix.main() == 0
    expected = "torch 2.12, PyG 2.7: not tried: not to be had: No matching distribution found\n"
    assert capsys.readouterr().out == expected
    monkeypatch.setattr(matrix, "look_up", lambda torch: (f"{torch}.0", ""))
    assert matrix.main() == 1
    assert tried == [("2.12.0", "2.7")]
    assert capsys.readouterr().out.endswith("torch 2.12, PyG 2.7: broken\n")
