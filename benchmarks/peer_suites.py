"""The test suites of torch-scatter and PyG on our code, unchanged; writes docs/peer_suites.md.

    python -m benchmarks.peer_suites --suites FOLDER

``FOLDER`` holds a checkout, or an unpacked sdist, of each library: a folder whose name contains
``scatter`` or ``geometric``, with its tests in ``test``. Without it the sdists are asked of pip,
which may hold none. torch-scatter's tests import ``graphpoly.compat.torch_scatter`` under its name;
in PyG's every layer that can be is accelerated as it is made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "peer_suites.md"
PLUGIN = "benchmarks.peer_plugin"
SDISTS = ("torch-scatter", "torch-geometric")
CONVS = (
    *("gcn", "sage", "gin", "gat", "gatv2", "pna", "cheb", "tag", "sg", "graph"),
    "transformer",
)
# what of PyG's suite is run: all of it takes hours
PYG = (
    *(f"nn/conv/test_{name}_conv.py" for name in CONVS),
    "nn/conv/test_appnp.py",
    "nn/models/test_basic_gnn.py",
)
HEAD = """\
# The test suites of other libraries

Made by `make peer-suites` (`python -m benchmarks.peer_suites`); nothing here is typed in. The tests
are those of the libraries, unchanged.
"""


def downloaded(folder: Path) -> None:
    """Ask pip for the sdists, and unpack them."""
    for name in SDISTS:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
        command += ["--no-binary", ":all:", "--no-deps", "--no-build-isolation", "-d", str(folder)]
        subprocess.run([*command, name], check=False)
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as held:
            held.extractall(folder, filter="data")


def suite(folder: Path, word: str) -> Path | None:
    """Return the folder of ``folder`` whose name contains ``word`` and that has tests."""
    found = [path for path in sorted(folder.iterdir()) if word in path.name and path.is_dir()]
    return next((path for path in found if (path / "test").is_dir()), None)


def run(root: Path, kind: str, tests: list[str], timeout: float) -> dict[str, Any]:
    """Run ``tests`` of the suite at ``root`` in one process of its own."""
    with tempfile.TemporaryDirectory() as name:
        report, calls = Path(name) / "report.xml", Path(name) / "calls.json"
        empty = Path(name) / "pytest.ini"
        empty.write_text("[pytest]\n")
        environment = os.environ | {
            "PYTHONPATH": str(HERE.parent),
            "PEER_SUITE": kind,
            "PEER_ROOT": str(root),
            "PEER_CALLS": str(calls),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(empty), "--rootdir", str(root)]
        command += ["-p", PLUGIN, "-p", "no:cacheprovider", "-W", "ignore", "--tb", "line"]
        command += ["--junit-xml", str(report), *tests]
        try:
            subprocess.run(
                command, cwd=root / "test", env=environment, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{kind}: not done within {timeout:.0f} s (--timeout)") from None
        found = counts(report)
        found["calls"] = json.loads(calls.read_text()) if calls.exists() else {}
    return found


def counts(report: Path) -> dict[str, Any]:
    """Read how many tests passed, failed and were skipped, and which failed."""
    outcome: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        broken = [child for child in case if child.tag in ("failure", "error")]
        if broken:
            outcome["failed"] += 1
            words = (broken[0].get("message") or "").splitlines() or [""]
            failed[f"{case.get('classname')}.{case.get('name')}"] = words[0]
        else:
            outcome["skipped" if case.find("skipped") is not None else "passed"] += 1
    return {"outcome": outcome, "failed": failed}


def page(results: dict[str, dict[str, Any]], absent: list[str]) -> str:
    """Return the page of ``results``, one a library."""
    lines = [HEAD, "| suite | run | passed | failed | skipped |", "|---|---|---|---|---|"]
    for name, result in results.items():
        outcome = result["outcome"]
        numbers = " | ".join(str(outcome[key]) for key in ("passed", "failed", "skipped"))
        lines.append(f"| {name} | {result['what']} | {numbers} |")
    versions = (f"{name} {version(name)}" for name in ("torch", "torch-geometric", "graphpoly"))
    lines += ["", f"With {', '.join(versions)}.", ""]
    lines += [f"Not run: {name}, of which no tests were found." for name in absent]
    for name, result in results.items():
        if result["failed"]:
            lines += [f"## Failures: {name}", ""]
            kinds = Counter(
                (test.partition("[")[0], words) for test, words in result["failed"].items()
            )
            for (test, words), number in sorted(kinds.items()):
                lines.append(f"- `{test}` ({number}): `{words.replace('`', '')[:160]}`")
            lines.append("")
        if result["calls"]:
            lines += calls_table(result["calls"])
    return "\n".join(lines).rstrip() + "\n"


def calls_table(calls: dict[str, Any]) -> list[str]:
    """Return how many calls of each layer ran PyG's code, and why."""
    lines = ["## Calls that ran PyG's code", "", "| layer | calls | PyG's code | why |"]
    lines.append("|---|---|---|---|")
    for layer, held in sorted(calls.items()):
        declined = Counter(held["declined"])
        lines.append(f"| {layer} | {held['calls']} | {sum(declined.values())} | |")
        lines += [f"| | | {number} | {reason} |" for reason, number in declined.most_common()]
    return [*lines, ""]


def main() -> None:
    """Run what is found, write the page, print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--suites", type=Path, help="folder with the two libraries")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for each suite")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    results, absent = {}, []
    with tempfile.TemporaryDirectory() as name:
        folder = options.suites or Path(name)
        if options.suites is None:
            downloaded(folder)
        for word, library in (("scatter", "torch-scatter"), ("geometric", "PyG")):
            root = suite(folder.resolve(), word)
            if root is None:
                absent.append(library)
                continue
            tests = (
                ["."]
                if word == "scatter"
                else [test for test in PYG if (root / "test" / test).exists()]
            )
            results[library] = run(root, word, tests, options.timeout)
            results[library]["what"] = (
                "all" if word == "scatter" else "accelerated layers, `test_basic_gnn`"
            )
    if not results:
        raise SystemExit(
            "no tests in the sdists that pip gives; name a folder of checkouts: "
            "make peer-suites SUITES=FOLDER"
        )
    text = page(results, absent)
    options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
