"""The versions of PyTorch and PyG that the package promises, each with tests: ``make matrix``.

One wheel is built, with the torch of this environment, and installed into an environment for each
torch, with one PyG after the other; there it has to import without a warning, load its kernels and
pass the tests of the operators and of the bases. A torch that cannot be had here as a build for
CPUs is named and left out, because a build for CUDA brings gigabytes along; ``--cuda-builds`` takes
those, too, and tries them on the CPU. Nothing of it is installed here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TORCH = ("2.11", "2.12", "2.13", "2.14")
PYG = ("2.7", "2.8")
# what brings the runtime of a GPU
CUDA = ("nvidia-", "cuda-")
TESTS = ("tests/bases", "tests/ops", "tests/packaging/test_installed.py")
TOOLS = ("pytest", "pytest-timeout", "hypothesis", "scikit-learn")


def verdict(report: Mapping[str, Any]) -> str:
    """Say what of pip's report of a dry run stands against it; nothing for a build for CPUs.

    >>> verdict({"install": [{"metadata": {"name": "torch"}}]})
    ''
    """
    names = [item["metadata"]["name"].lower() for item in report["install"]]
    needless = [name for name in names if name.startswith(CUDA)]
    return f"only a build for CUDA ({needless[0]} and the like)" if needless else ""


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no word")


def look_up(torch: str) -> tuple[str, str]:
    """Return the newest version of a series that can be had for CPUs, or why there is none."""
    done = pip(
        Path(sys.executable),
        *("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"),
        f"torch=={torch}.*",
    )
    if done.returncode:
        return "", "not to be had: " + last_line(done.stderr).removeprefix("ERROR: ")
    report = json.loads(done.stdout)
    (version,) = (
        item["metadata"]["version"]
        for item in report["install"]
        if item["metadata"]["name"].lower() == "torch"
    )
    return version, verdict(report)


def try_pair(torch: str, pyg: str, wheel: Path, folder: Path, tests: Iterable[str]) -> str:
    """Install one pair and run the tests on it; return what went wrong, or nothing."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    wanted = [f"torch=={torch}", f"torch-geometric=={pyg}.*", str(wheel), *TOOLS]
    for step in (("install", "--quiet", *wanted), ("check",)):
        done = pip(python, *step)
        if done.returncode:
            return f"pip {step[0]}: {last_line(done.stdout + done.stderr)}"
    checkout = folder / "tests"
    if not checkout.exists():
        checkout.mkdir()
        for name in ("tests", "pyproject.toml"):
            (checkout / name).symlink_to(ROOT / name)
    environment = {**os.environ, "GRAPHPOLY_EXPECT": "cpp", "OMP_NUM_THREADS": "1"}
    for command in (
        ["-W", "error", "-c", "import graphpoly"],
        ["-m", "pytest", "-p", "no:cacheprovider", "-m", "not slow and not gpu", *tests],
    ):
        done = subprocess.run(
            [str(python), *command], cwd=checkout, env=environment, capture_output=True, text=True
        )
        broken = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        print("\n".join([*broken[:20], last_line(done.stdout + done.stderr)]), flush=True)
        if done.returncode:
            return f"`python {' '.join(command[:2])}` failed: {last_line(done.stdout)}"
    return ""


def main() -> int:
    """Try every pair, print a table, and return 1 where one failed that could be tried."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", nargs="+", default=TORCH, help="series, such as 2.13")
    parser.add_argument("--pyg", nargs="+", default=PYG, help="series, such as 2.8")
    parser.add_argument("--cuda-builds", action="store_true", help="take builds for CUDA, too")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="what pytest is given")
    chosen = parser.parse_args()
    lines, failed = [], 0
    with tempfile.TemporaryDirectory() as place:
        arguments = ("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", place, str(ROOT))
        built = pip(Path(sys.executable), *arguments)
        if built.returncode:
            raise SystemExit(f"the wheel was not built: {last_line(built.stderr)}")
        (wheel,) = Path(place).glob("*.whl")
        found = {torch: look_up(torch) for torch in chosen.torch}
        for torch, pyg in product(chosen.torch, chosen.pyg):
            version, why = found[torch]
            if not why or (version and chosen.cuda_builds):
                print(f"==> torch {version}, PyG {pyg}", flush=True)
                folder = Path(place) / torch
                wrong = try_pair(version, pyg, wheel, folder, chosen.tests)
                failed += bool(wrong)
                why = (wrong or "passed") + (f", {why}" if why else "")
                if pyg == chosen.pyg[-1]:
                    shutil.rmtree(folder, ignore_errors=True)
            else:
                why = f"not tried: {why}"
            lines.append(f"torch {torch}, PyG {pyg}: {why}")
    print("\n".join(lines))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
