"""Ten operators over the history of the package: ``python -m benchmarks.history COMMIT...``.

Each commit is checked out beside this one, its kernels are built, and children of all of them take
turns on the large graph of :mod:`benchmarks.before_after`, so that what else the machine does falls
on all alike. Commits that the file knows are not measured again. Writes ``history.json``,
``history.md`` and ``history.svg``; what was measured in another run, or on another machine, stands
in the table and is compared by instructions alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.before_after import measure
from benchmarks.measure import describe_machine

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
SIZE = "large"
OPERATORS = (
    *("to_csr", "spmm_sum", "spmm_max", "spmm_sum, backward", "sddmm", "polynomial", "lanczos"),
    *("attention", "multi_aggregate", "pool"),
)


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def built(commit: str, folder: Path) -> Path:
    """Check a commit out and build its kernels in place."""
    tree = folder / commit
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(tree)], check=True)
    subprocess.run(["git", "-C", str(tree), "checkout", "--quiet", commit], check=True)
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if done.returncode or not list(tree.glob("graphpoly/_C*.so")):
        raise SystemExit(f"{commit}: its kernels were not built\n{done.stderr[-2000:]}")
    return tree


def measured(trees: dict[str, Path], rounds: int) -> list[dict[str, Any]]:
    """Return a record of each commit: medians over the rounds, the fewest instructions."""
    runs: dict[str, list[dict[str, Any]]] = {commit: [] for commit in trees}
    for round_ in range(rounds):
        order = list(trees) if round_ % 2 else list(trees)[::-1]
        for commit in order:
            runs[commit].append(measure(trees[commit], SIZE, ",".join(OPERATORS)))
            print(f"round {round_ + 1} of {rounds}: {commit}", flush=True)
    machine = describe_machine()
    return [
        {
            "commit": commit,
            "committed": git("show", "-s", "--format=%cI", commit)[:10],
            "title": git("show", "-s", "--format=%s", commit),
            "measured": machine["date"],
            "cpu": machine["cpu"],
            "torch": machine["versions"]["torch"],
            "rounds": rounds,
            "operators": {
                name: {
                    "us": round(1e6 * statistics.median(run[name][0] for run in found), 1),
                    "instructions": min(run[name][1] for run in found),
                }
                for name in OPERATORS
                if all(name in run for run in found)  # an operator may be younger
            },
        }
        for commit, found in runs.items()
    ]


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each operator: instructions of each commit, or times without a counter."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    panels = figure.subplots(2, len(OPERATORS) // 2, sharex=True)
    commits = [record["commit"] for record in records]
    of, scale, unit = "instructions", 1e6, "million instructions of a call"
    if not all(held[of] for record in records for held in record["operators"].values()):
        of, scale, unit = "us", 1e3, "milliseconds of a call"  # nobody lent the counter
    for name, panel in zip(OPERATORS, panels.flat, strict=True):
        known = {
            record["commit"]: record["operators"][name][of] / scale
            for record in records
            if name in record["operators"]
        }
        panel.plot([commits.index(each) for each in known], list(known.values()), "o-", ms=3)
        panel.set_ylim(bottom=0)
        panel.set_title(name, loc="left", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xticks(range(len(commits)), commits, rotation=60, fontsize=7)
        panel.tick_params(axis="y", labelsize=7)
    figure.supylabel(unit, fontsize=9)
    figure.savefig(path)


def page(records: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = [
        "# Ten operators over the commits",
        "",
        "Made by `python -m benchmarks.history COMMIT...`: one thread, the large graph of "
        "`benchmarks.before_after`; microseconds (the median of a run's rounds, in which the "
        "commits take turns) and, where the processor's counter could be had, million instructions "
        "of a call. Times are compared within a run, instructions always.",
        "",
        "![Each operator, commit by commit](history.svg)",
        "",
        f"| commit | of | measured | {' | '.join(OPERATORS)} |",
        f"|---|---|---|{'---:|' * len(OPERATORS)}",
    ]
    for record in records:
        cells = [f"`{record['commit']}`", record["committed"], record["measured"]]
        for name in OPERATORS:
            held = record["operators"].get(name)
            cells.append("" if held is None else f"{held['us']:,.0f} us")
            if held is not None and held["instructions"]:
                cells[-1] += f", {held['instructions'] / 1e6:,.0f} M"
        lines.append(f"| {' | '.join(cells)} |")
    machines = dict.fromkeys((each["cpu"], each["torch"]) for each in records)
    lines += ["", *(f"- {cpu}, torch {torch}" for cpu, torch in machines)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the commits that the file does not know, and write it, its table and its drawing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commits", nargs="+", metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    file = RESULTS / "history.json"
    records = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    known = {record["commit"] for record in records}
    wanted = [git("rev-parse", "--short=9", commit) for commit in given.commits]
    with tempfile.TemporaryDirectory() as name:
        trees = {each: built(each, Path(name)) for each in wanted if each not in known}
        records += measured(trees, given.rounds)
    order = git("log", "--format=%H").splitlines()[::-1]
    records.sort(
        key=lambda record: next(i for i, c in enumerate(order) if c.startswith(record["commit"]))
    )
    file.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "history.md").write_text(page(records), encoding="utf-8")
    draw(records, RESULTS / "history.svg")
    print(page(records))


if __name__ == "__main__":
    main()
