"""What each test separates of the 400 pairs of BREC: the ceilings of the networks that it bounds.

    python -m benchmarks.brec [TEST ...] [--root DIR] [--pairs 260-300]

Tests and pairs may be done in portions: what an earlier run has found is kept. 3-FWL takes minutes,
all others seconds. Beside the counts stand those that were published, as far as they are known.

    graphpoly expressivity brec MODEL --out benchmarks/results/brec/MODEL
    python -m benchmarks.brec --networks

puts what networks make of the protocol beside these ceilings, from their ``results.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import describe_machine
from graphpoly.data import BREC_CATEGORIES, load_brec
from graphpoly.exams.brec import BrecSettings
from graphpoly.expressivity import TESTS, separated
from graphpoly.expressivity.rpc import SCALES

RESULTS = Path(__file__).parent / "results"
BLOCK = {"3-FWL": 5, "N1": 10, "N2": 1}  # pairs at once, where a test is slow
PUBLISHED = {"1-WL": 0, "2-FWL": 270, "SPD-WL": 83, "S3": 105, "S4": 243, "SWL(VS)": 251}


def main() -> None:
    """Run, merge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", help="by default all but 3-FWL")
    parser.add_argument("--root", type=Path, help="folder that holds the datasets")
    parser.add_argument("--pairs", default="0-400", help="first and one behind the last")
    parser.add_argument("--networks", action="store_true", help="only write brec_networks.md")
    arguments = parser.parse_args()
    if arguments.networks:
        write_networks()
        return
    torch.set_num_threads(1)
    path = RESULTS / "brec_ceilings.json"
    held: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"tests": {}}
    pairs = load_brec(arguments.root)
    first, last = map(int, arguments.pairs.split("-"))
    separated(pairs[:1], "2-FWL")  # what is loaded on first use is not the test's time
    for test in arguments.tests or [test for test in TESTS if test != "3-FWL"]:
        done = held["tests"].setdefault(test, {"pairs": "?" * len(pairs), "seconds": {}})
        for begin in range(first, last, BLOCK.get(test, last - first)):
            end = min(last, begin + BLOCK.get(test, last - first))
            chosen = pairs[begin:end]
            start = time.perf_counter()
            found = separated(chosen, test).tolist()
            seconds = time.perf_counter() - start
            marks = "".join("1" if apart else "0" for apart in found)
            done["pairs"] = done["pairs"][:begin] + marks + done["pairs"][end:]
            done["seconds"][f"{begin}-{end}"] = round(seconds, 3)
            print(f"{test:<12} {begin:>3}-{end:<3} {sum(found):>3} apart  {seconds:8.2f} s")
            held["machine"] = describe_machine()
            path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n")
    write_table(held)


def write_table(held: dict[str, Any]) -> None:
    """Count by family, in the order of the tests."""
    head = ["test", *BREC_CATEGORIES, "all", "published", "seconds"]
    lines = [
        "# Exact ceilings on BREC",
        "",
        "Pairs that each test tells apart, and the time for all pairs on one thread. Made by",
        "`python -m benchmarks.brec`. A count after which some pairs were not run says how many.",
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        "| pairs | " + " | ".join(str(len(r)) for r in BREC_CATEGORIES.values()) + " | 400 | | |",
    ]
    for test in TESTS:
        if test not in held["tests"]:
            continue
        marks, seconds = held["tests"][test]["pairs"], held["tests"][test]["seconds"]
        cells = [count(marks[r.start : r.stop]) for r in BREC_CATEGORIES.values()]
        cells += [count(marks), str(PUBLISHED.get(test, "")), f"{sum(seconds.values()):.2f}"]
        lines.append(f"| {test} | " + " | ".join(cells) + " |")
    (RESULTS / "brec_ceilings.md").write_text("\n".join(lines) + "\n")


def write_networks() -> None:
    """One row for each network and family that was run."""
    head = ["network", "family", "pairs", "reference", "hotelling", "unreliable"]
    head += ["(hotelling)", "ceiling", "beyond", "seeds", "changed"]
    lines = [
        "# Networks on BREC",
        "",
        "Pairs told apart, reliably, on the published script's scale and on Hotelling's; pairs",
        "whose reliability check fails on each; what the test that bounds the network separates of",
        "the same pairs, and how many lie beyond it. Means over seeds. Changed: what differs from",
        "the protocol's settings and from five layers of 32 channels. Made by",
        "`python -m benchmarks.brec --networks`.",
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
    ]
    published = asdict(BrecSettings())
    for path in sorted((RESULTS / "brec").glob("*/results.json")):
        held = json.loads(path.read_text())
        changed = {k: v for k, v in held["settings"].items() if v != published.get(k)}
        changed.update(held["network"])
        for row in held["rows"]:
            test = f"{row['ceiling']} ({held['ceiling']})" if held["ceiling"] else "-"
            numbers = [row[key][scale] for key in ("realised", "failures") for scale in SCALES]
            cells = [held["model"], row["category"], str(row["pairs"])]
            cells += [f"{number:g}" for number in numbers]
            cells += [test, "-" if row["beyond"] is None else f"{row['beyond']:g}"]
            cells += [str(len(held["seeds"])), " ".join(f"{k}={v}" for k, v in changed.items())]
            lines.append("| " + " | ".join(cells) + " |")
    (RESULTS / "brec_networks.md").write_text("\n".join(lines) + "\n")


def count(marks: str) -> str:
    """Number of pairs told apart."""
    left = marks.count("?")
    return f"{marks.count('1')}" + (f" ({left} not run)" if left else "")


if __name__ == "__main__":
    main()
