"""From the wheel to a verdict by the first page of the site alone, in five minutes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.test_code_blocks import blocks
from tests.packaging.test_build import ROOT, checkout, wheel

__all__ = ["checkout"]  # a fixture

LIMIT = 300  # seconds


@pytest.mark.slow
@pytest.mark.timeout(1800)  # the wheel is built first
def test_the_first_page_from_a_wheel(checkout: Path, tmp_path: Path) -> None:
    built, archive = wheel(checkout, tmp_path, GRAPHPOLY_BUILD="1")
    assert archive is not None, built.stderr
    began = time.monotonic()
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    programs = place / "bin"
    constraints = ROOT / "constraints.txt"
    for wanted in (["torch", "numpy"], [archive]):
        subprocess.run(
            [programs / "python", "-m", "pip", "install", "-q", "-c", constraints, *wanted],
            check=True,
        )
    work = tmp_path / "work"
    work.mkdir()
    shell = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    script = work / "page.py"
    python: list[str] = []
    said = {}
    for language, text in blocks(ROOT / "docs" / "start.md"):
        if language == "python":  # a page is one session
            python.append(text)
            script.write_text("\n".join(python), encoding="utf-8")
            command = ["python", "page.py"]
        elif language == "console":
            command = shlex.split(text.removeprefix("$ "))
        else:  # the installation, which was just done
            continue
        done = subprocess.run(command, cwd=work, env=shell, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        said[" ".join(command[:3])] = done.stdout
    assert time.monotonic() - began < LIMIT
    assert "cpp: available" in said["graphpoly info"]
    assert "1-WL allows 50.00 %, 2-FWL 100.00 %" in said["graphpoly expressivity dataset"]
    for page in ("gcn.html", "verdict.html"):
        assert "<svg" in (work / page).read_text(encoding="utf-8")
