"""Functions of degrees that a network computes: found by elimination, and not by gradients.

python -m benchmarks.hard_functions [--seeds N] [--epochs N] [--nodes N...]

A network that sums messages is trained on the parity of how many nodes have certain degrees, and on
whether they are more than usual (:func:`graphpoly.data.degree_functions`); beside it Gaussian
elimination modulo 2 on the same graphs, which is given the counts, and the share of the class that
most graphs have: a set of rare degrees makes a parity that is hardly one. Prints test accuracies,
their means over seeds, each with a function of its own.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from pathlib import Path

import torch

from graphpoly.data import degree_counts, find_dataset, solve_parity
from graphpoly.data.entries.generated import DegreeFunctions
from graphpoly.recipes import recipe_for, run_recipe

DATASET, MODEL = "degree-function", "MPNN"
SETTINGS = {"hidden_channels": 64, "num_layers": 2, "readout": "add", "batch_size": 64}


def by_gradients(reading: DegreeFunctions, seeds: int, epochs: int) -> list[float]:
    """Accuracies of a network on the test graphs, one a seed."""
    read = {"num_nodes": reading.num_nodes, "kind": reading.kind, "train": reading.train}
    changes = {**SETTINGS, **read, "epochs": epochs, "watch_train": False}
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_for(MODEL, DATASET)
        outcome = run_recipe(recipe, seeds=seeds, out=Path(folder), overrides=changes)
    return [run.test for run in outcome.experiments[MODEL].runs.values()]


def by_elimination(reading: DegreeFunctions, seed: int) -> tuple[float, float]:
    """The larger class's share of the test graphs, and how many the parity found is right on."""
    loaded = find_dataset(DATASET).load(None, reading, seed)
    assert loaded.graphs is not None
    counts = torch.stack([degree_counts(data) for data in loaded.graphs])
    y = torch.cat([data.y for data in loaded.graphs])
    fold = loaded.split("drawn", seed)
    share = float(y[fold.test].double().mean())
    if reading.kind != "parity":
        return max(share, 1 - share), math.nan
    found = solve_parity(counts[fold.train], y[fold.train]).long()
    guess = (counts[fold.test] @ found[:-1] + found[-1]) % 2
    return max(share, 1 - share), float((guess == y[fold.test]).double().mean())


def main() -> None:
    """Print a line for each number of nodes and each kind of function."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--nodes", type=int, nargs="+", default=[6, 10, 15])
    options = parser.parse_args()
    print("nodes  function   constant  gradients  elimination")
    for nodes in options.nodes:
        for kind in ("parity", "threshold"):
            reading = DegreeFunctions(num_nodes=nodes, kind=kind)
            scores = by_gradients(reading, options.seeds, options.epochs)
            found = [by_elimination(reading, seed) for seed in range(options.seeds)]
            constant, linear = (statistics.mean(each) for each in zip(*found, strict=True))
            both = f"{constant:8.4f}  {statistics.mean(scores):9.4f}"
            print(f"{nodes:5d}  {kind:9s}  {both}  {linear:11.4f}", flush=True)


if __name__ == "__main__":
    main()
