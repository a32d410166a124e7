"""What OGB's larger datasets need, seen on their twins: ``python -m benchmarks.twins [NAME...]``.

Each recipe of OGB's GCN with its published settings runs two epochs on the generated twin of its
dataset, ``graphpoly train gcn/NAME --twin epochs=2 --seeds 1``, in a process of its own; so does
that of its GIN on graphs, of which ``--set every=20`` reads the first of twenty. Memory is the peak
of that process, drawing of the twin included, and goes no further than ``--most`` gigabytes, where
it is stopped. Adds what was measured to ``twins.json`` and ``twins.md``. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import describe_machine
from graphpoly.data import TWINS

RESULTS = Path(__file__).parent / "results"
EPOCHS, LIMIT = 2, 3600


def measure(name: str, most: float, changes: list[str], limit: float) -> dict[str, Any]:
    """Run one recipe; what did not end says so under ``"ended"``."""
    recipe = f"{'gin' if name.startswith('ogbg-') else 'gcn'}/{name}"
    command = [sys.executable, "-m", "graphpoly", "train", recipe, "--twin", "--seeds", "1"]
    row: dict[str, Any] = {"recipe": recipe, "changes": changes, "epochs": EPOCHS}
    with tempfile.TemporaryDirectory() as place:
        arguments = [*command, f"epochs={EPOCHS}", *changes, "--out", f"{place}/run"]
        began = time.monotonic()
        process = subprocess.Popen(
            arguments,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (int(most * 2**30),) * 2),
        )
        try:
            _, said = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {**row, "ended": f"after {limit:g} s"}
        # the largest of all children so far: every measurement has a process of its own
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        row |= {"peak GiB": round(peak, 2), "seconds": round(time.monotonic() - began, 1)}
        if process.returncode:
            last = said.strip().splitlines()[-1] if said.strip() else f"code {process.returncode}"
            out_of_memory = "memory" in said or process.returncode < 0
            return {**row, "ended": f"over {most:g} GiB" if out_of_memory else last}
        results = json.loads(Path(place, "run", "results.json").read_text(encoding="utf-8"))
        (model,) = results["models"].values()
        return {
            **row,
            "ended": "",
            "graph": results["graph"],
            "seconds an epoch": round(model["seconds"] / EPOCHS, 1),
            "parameters": model["num_parameters"],
        }


def page(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = [
        "# What OGB's larger datasets need",
        "",
        "Made by `python -m benchmarks.twins`; its head says what is measured. A twin is drawn:",
        "its counts are those of the original, its scores say nothing and are not shown.",
        "",
        "| recipe | changed | graph | peak GiB | s an epoch | all, s | machine |",
        "|---|---|---|---:|---:|---:|---|",
    ]
    for row in rows:
        graph = ", ".join(f"{value:,} {key}" for key, value in row.get("graph", {}).items())
        machine = row["machine"]
        lines.append(
            f"| `{row['recipe']}` | {', '.join(row['changes']) or '-'} | {graph or row['ended']} "
            f"| {row.get('peak GiB', '-')} | {row.get('seconds an epoch', '-')} "
            f"| {row.get('seconds', '-')} | {machine['threads']} threads, load "
            f"{machine['load_average']}, {machine['commit'][:7]} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the twins that are named, and write both files anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TWINS)}")
    parser.add_argument("--set", nargs="*", default=[], help="settings to replace, KEY=VALUE")
    parser.add_argument("--most", type=float, default=16.0, help="gigabytes")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds")
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.row:
        print(json.dumps(measure(chosen.names[0], chosen.most, chosen.set, chosen.limit)))
        return
    stored = RESULTS / "twins.json"
    rows = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else []
    for name in chosen.names or TWINS:
        own = [sys.executable, "-m", "benchmarks.twins", name, "--row", "--most", str(chosen.most)]
        own += ["--limit", str(chosen.limit), "--set", *chosen.set]
        done = subprocess.run(own, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
        row = {**json.loads(done.stdout.splitlines()[-1]), "machine": describe_machine()}
        key = (row["recipe"], row["changes"])
        rows = [each for each in rows if (each["recipe"], each["changes"]) != key] + [row]
        rows.sort(key=lambda each: (each["recipe"], each["changes"]))
        stored.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        (RESULTS / "twins.md").write_text(page(rows), encoding="utf-8")
        print(json.dumps({**row, "machine": ""}), flush=True)


if __name__ == "__main__":
    main()
