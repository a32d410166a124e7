"""Every block of the pages runs: Python page by page, commands through the app."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from graphpoly.cli.app import app

ROOT = Path(__file__).parents[2]
MADE = {"_build", "_generated", "tutorials"}  # made; tests/docs/test_tutorials.py runs the last
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if not MADE & set(p.parts)),
]
BLOCK = re.compile(r"^```(python|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# beginnings of commands that are not run, each with its reason
NOT_RUN = {
    "make ": "makes an environment; the workflows run it",
    "pip install": "installs; tests/packaging and the workflow of wheels do",
}

if importlib.util.find_spec("optuna") is None:
    NOT_RUN |= dict.fromkeys(("graphpoly tune", "graphpoly compare"), "optuna is not installed")

# pages whose blocks read real datasets, of these folders, and train on them
READING = {"rewiring.md": ["tu"]}
# pages that import what takes seconds to import
IMPORTING = {"trainers.md": ("lightning", "yacs")}
SLOW = {
    **{key: [pytest.mark.slow, pytest.mark.data] for key in READING},
    **{key: [pytest.mark.slow] for key in IMPORTING},
}
PARAMETERS = [pytest.param(page, marks=SLOW.get(page.name, [])) for page in PAGES]


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def reason_to_skip(command: str) -> str | None:
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


@pytest.mark.parametrize("page", PARAMETERS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for package in IMPORTING.get(page.name, ()):
        pytest.importorskip(package, reason="the extra [dev] brings it")
    for folder in READING.get(page.name, ()):
        if "GRAPHPOLY_DATA" not in os.environ:
            pytest.skip("no datasets: $GRAPHPOLY_DATA is not set")
        shutil.copytree(Path(os.environ["GRAPHPOLY_DATA"]) / folder, tmp_path / "data")
    torch.manual_seed(0)
    namespace = {"__name__": "__main__"}  # where inspection looks for a class
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), namespace)
            continue
        for line in text.replace("\\\n", " ").splitlines():
            command = line.removeprefix("$ ").partition("  #")[0].strip()
            if not command or command.startswith("#") or reason_to_skip(command):
                continue
            program, *arguments = shlex.split(command)
            assert program == "graphpoly", f"neither run nor listed in NOT_RUN: {command}"
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, f"{command}\n{done.output}"


def test_a_block_that_fails_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 + 1 == 3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch)


def test_every_page_of_theory_checks_what_it_states() -> None:
    pages = [page for page in PAGES if page.parent.name == "theory"]
    assert pages
    for page in pages:
        python = [text for language, text in blocks(page) if language == "python"]
        assert any("assert" in text for text in python), page.name


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
