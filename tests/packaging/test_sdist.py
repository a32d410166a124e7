"""The source archive is the checkout: whoever has it can test, measure and read as we do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# what git keeps and the archive need not; each line has its reason
LEFT_OUT: set[str] = set()
# what the archive has besides: its own metadata
ADDED = {"PKG-INFO", "setup.cfg"}
SUBSET = (
    "tests/bases/test_chebyshev.py",
    "tests/packaging/test_import.py",
    "tests/packaging/test_security.py",
    "tests/training/test_loggers.py",
)


def tracked() -> set[str]:
    """Return the files of the checkout; of an unpacked archive, those that are there."""
    if shutil.which("git") is not None and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    pytest.skip("no git checkout to compare with")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Make the archive from what git keeps, as a release is made from a clean clone."""
    source, out = (tmp_path_factory.mktemp(name) for name in ("source", "out"))
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    code = f"from setuptools import build_meta; print(build_meta.build_sdist({str(out)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


def test_the_archive_has_every_file_of_the_checkout(archive):
    with tarfile.open(archive) as files:
        names = {
            member.name.partition("/")[2]
            for member in files.getmembers()
            if member.isfile() and ".egg-info/" not in member.name
        }
    assert names - ADDED == tracked() - LEFT_OUT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_tests_pass_where_it_is_unpacked(archive, tmp_path):
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    # its own package, and not the one that is installed here
    code = "import graphpoly; print(graphpoly.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).parent == folder / "graphpoly"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SUBSET]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=850
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "failed" not in done.stdout
