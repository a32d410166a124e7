"""Functions of degrees that a network computes: found by elimination, and not by gradients.

python -m benchmarks.hard_functions [--seeds N] [--epochs N] [--nodes N...]

A network that sums messages is trained on the parity of how many nodes have certain degrees, and on
whether they are more than usual (:func:`graphpoly.data.degree_functions`); beside it Gaussian
elimination modulo 2 on the same graphs, which is given the counts, and the share of the class that
most graphs have: a set of rare degrees makes a parity that is hardly one. Each seed has a function
of its own. Writes ``hard_functions.json`` and ``hard_functions.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import describe_machine
from graphpoly.data import degree_counts, find_dataset, parity_correlation, solve_parity
from graphpoly.data.entries.generated import DegreeFunctions
from graphpoly.recipes import recipe_for, run_recipe

RESULTS = Path(__file__).parent / "results"
DATASET, MODEL = "degree-function", "MPNN"
SETTINGS = {"hidden_channels": 64, "num_layers": 2, "readout": "add", "batch_size": 64}
KINDS = ("parity", "threshold")
PAIRS = 500  # of parities that are held against each other


def by_gradients(reading: DegreeFunctions, seeds: int, epochs: int) -> list[dict[str, float]]:
    """Accuracies of a network on the graphs that it learned from and on others, one a seed."""
    read = {"num_nodes": reading.num_nodes, "kind": reading.kind, "train": reading.train}
    changes = {**SETTINGS, **read, "epochs": epochs, "watch_train": False}
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_for(MODEL, DATASET)
        outcome = run_recipe(recipe, seeds=seeds, out=Path(folder), overrides=changes)
    runs = outcome.experiments[MODEL].runs.values()
    return [{"train": run.train, "test": run.test} for run in runs]


def by_elimination(reading: DegreeFunctions, seed: int) -> dict[str, float | None]:
    """The larger class's share of the test graphs, and how many the parity found is right on."""
    loaded = find_dataset(DATASET).load(None, reading, seed)
    assert loaded.graphs is not None
    counts = torch.stack([degree_counts(data) for data in loaded.graphs])
    y = torch.cat([data.y for data in loaded.graphs])
    fold = loaded.split("drawn", seed)
    share = float(y[fold.test].double().mean())
    found: dict[str, float | None] = {"constant": max(share, 1 - share), "elimination": None}
    if reading.kind == "parity":
        solved = solve_parity(counts[fold.train], y[fold.train]).long()
        guess = (counts[fold.test] @ solved[:-1] + solved[-1]) % 2
        found["elimination"] = float((guess == y[fold.test]).double().mean())
    return found


def in_common(nodes: int) -> float:
    """The median of how much two parities that are drawn agree, as the size of a correlation."""
    coins = torch.rand(PAIRS, 2, nodes, generator=torch.Generator().manual_seed(0)) < 0.5
    sets = [[each.nonzero().flatten().tolist() for each in pair] for pair in coins]
    return statistics.median(abs(parity_correlation(nodes, *pair)) for pair in sets)


def measure(nodes: int, kind: str, seeds: int, epochs: int) -> list[dict[str, Any]]:
    """A row for each seed."""
    reading = DegreeFunctions(num_nodes=nodes, kind=kind)
    learned = by_gradients(reading, seeds, epochs)
    return [
        {"nodes": nodes, "kind": kind, "seed": seed} | scores | by_elimination(reading, seed)
        for seed, scores in enumerate(learned)
    ]


def page(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine, rows = results["machine"], results["rows"]
    seeds = len({row["seed"] for row in rows})
    given = DegreeFunctions()
    lines = [
        "# Functions that a network computes and gradients do not find",
        "",
        "Made by `python -m benchmarks.hard_functions`. Whether the number of nodes with one of",
        "certain degrees is odd, and for comparison whether it is above its mean: accuracies in",
        f"percent, means over {seeds} functions, in brackets the least and the largest.",
        f"{given.train:,} directed graphs to learn from, {given.test:,} others to be asked of; an",
        f"MPNN of {SETTINGS['num_layers']} steps of width {SETTINGS['hidden_channels']} that sums",
        f"messages and nodes, {results['epochs']} epochs in batches of {SETTINGS['batch_size']},",
        "the one that validates best. *Constant* is the larger class's share of the test graphs;",
        "*elimination* solves for the parity modulo 2, given the counts of degrees in the graphs",
        "to learn from. *In common* is how much two parities that are drawn agree, the median size",
        "of their correlation, which is exact: what a gradient can say of which one it is.",
        "",
        "After Kiani, Le, Lawrence, Jegelka, Weber, On the hardness of learning under symmetries",
        "(2024), who prove that gradients want exponentially many queries for the parities; no",
        "figure of theirs is at hand to stand beside these.",
        "",
        f"- {machine['cpu']}, one thread; {results['seconds']:.0f} s of the processor in all",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| function | nodes | in common | constant | network, seen | network, new | elimination |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind in KINDS:
        for nodes in sorted({row["nodes"] for row in rows}):
            some = [row for row in rows if (row["nodes"], row["kind"]) == (nodes, kind)]
            common = f"{in_common(nodes):.1e}" if kind == "parity" else ""
            keys = ("constant", "train", "test", "elimination")
            cells = [kind, str(nodes), common, *(spread(some, key) for key in keys)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def spread(rows: list[dict[str, Any]], key: str) -> str:
    """Mean, least and largest in percent; nothing where there is none."""
    values = [100 * row[key] for row in rows if row[key] is not None]
    if not values:
        return ""
    return f"{statistics.fmean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--nodes", type=int, nargs="+", default=[6, 10, 15])
    options = parser.parse_args()
    torch.set_num_threads(1)
    machine, begin, rows = describe_machine(), time.process_time(), []
    for nodes in options.nodes:
        for kind in KINDS:
            some = measure(nodes, kind, options.seeds, options.epochs)
            rows += some
            keys = ("constant", "train", "test", "elimination")
            print(nodes, kind, *(spread(some, key) for key in keys), flush=True)
    seconds = time.process_time() - begin
    results = {"machine": machine, "seconds": seconds, "epochs": options.epochs, "rows": rows}
    text = json.dumps(results, indent=1) + "\n"
    (RESULTS / "hard_functions.json").write_text(text, encoding="utf-8")
    (RESULTS / "hard_functions.md").write_text(page(results), encoding="utf-8")
    print(page(results))


if __name__ == "__main__":
    main()
