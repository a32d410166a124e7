"""Epochs of training on a citation graph, beside PyG's and beside an older state of the package.

    python -m benchmarks.citation --before TREE --root DATA

Two layers of 64 channels on Cora, on two threads; every epoch is a forward pass over the graph, the
loss of the training nodes, the gradients and a step of Adam. PyG's networks run as they are, under
``torch.compile``, and after ``graphpoly.accelerate``; they take turns. The networks of polynomial
filters have no peer in PyG: those of TREE, a checkout with its kernels built, and those of this one
run in children that take turns, with and without the dropout that they are published with. Medians;
about five minutes. Writes ``citation.json`` and ``citation.md``.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

RESULTS = Path(__file__).parent / "results"
THREADS, WIDTH, ORDER = 2, 64, 10
SPECTRAL = ("BernNet", "GPRGNN", "ChebNetII", "FavardGNN", "OptBasisGNN")
Step = Callable[[], Any]


def citations(root: Path | None) -> Any:
    """Cora, with its public masks."""
    from graphpoly.data import load_node_data

    return load_node_data("cora", root)


def epoch(net: nn.Module, data: Any) -> Step:
    """One epoch of training."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0)

    def run() -> None:
        optimizer.zero_grad()
        out = net(data.x, data.edge_index)
        F.cross_entropy(out[data.train_mask], data.y[data.train_mask]).backward()
        optimizer.step()

    return run


def medians(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Milliseconds of steps that take turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        for _ in range(5):
            step()
    for _ in range(rounds):
        for name, step in steps.items():
            step()  # what the others left in the caches
            begun = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - begun))
    return {name: statistics.median(found) for name, found in times.items()}


def beside_pyg(root: Path | None, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of PyG's networks, of each way to run them."""
    import torch_geometric.nn as pyg

    from graphpoly import accelerate

    data = citations(root)
    inner, classes = data.x.size(1), int(data.y.max()) + 1
    found = {}
    for name, made in {
        "GCN": lambda: pyg.GCN(inner, WIDTH, 2, classes),
        "GAT": lambda: pyg.GAT(inner, WIDTH, 2, classes, heads=8),
        "GIN": lambda: pyg.GIN(inner, WIDTH, 2, classes),
        "GraphSAGE": lambda: pyg.GraphSAGE(inner, WIDTH, 2, classes),
    }.items():
        torch.manual_seed(0)
        plain = made()
        ours = copy.deepcopy(plain)
        accelerate(ours)
        compiled: Any = torch.compile(copy.deepcopy(plain))
        ways = {"PyG": plain, "compiled": compiled, "ours": ours}
        found[name] = medians({way: epoch(net, data) for way, net in ways.items()}, rounds)
    return found


def child(root: Path | None, rounds: int) -> None:
    """Time the filters of the package that this process imports."""
    from graphpoly import models

    torch.set_num_threads(THREADS)
    data, found = citations(root), {}
    classes = int(data.y.max()) + 1
    for name in SPECTRAL:
        for drops, rate in (("", 0.5), (", no dropout", 0.0)):
            torch.manual_seed(0)
            net = getattr(models, name)(
                data.x.size(1), WIDTH, classes, K=ORDER, dropout=rate, filter_dropout=rate
            )
            found[name + drops] = medians({"": epoch(net, data)}, rounds)[""]
    json.dump(found, sys.stdout)


def measure(tree: Path, root: Path | None, rounds: int) -> dict[str, float]:
    """Run a child on a checkout."""
    command = [sys.executable, __file__, "--child", "--rounds", str(rounds)]
    command += [] if root is None else ["--root", str(root)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree.resolve()),
        "OMP_NUM_THREADS": str(THREADS),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def beside_before(
    before: Path, root: Path | None, rounds: int, children: int
) -> dict[str, dict[str, Any]]:
    """Milliseconds of the filters in both checkouts, and the ratios of neighbouring children."""
    from benchmarks.before_after import interval

    trees = {"before": before, "ours": Path(__file__).parents[1]}
    times: dict[str, dict[str, list[float]]] = {}
    for turn in range(children):
        for which in sorted(trees, reverse=bool(turn % 2)):
            for name, taken in measure(trees[which], root, rounds).items():
                times.setdefault(name, {}).setdefault(which, []).append(taken)
    found = {}
    for name, sides in times.items():
        ratios = [a / b for a, b in zip(sides["before"], sides["ours"], strict=True)]
        row: dict[str, Any] = {which: statistics.median(taken) for which, taken in sides.items()}
        found[name] = {**row, "ratio": statistics.median(ratios), "interval": interval(ratios)}
    return found


def page(results: dict[str, Any]) -> str:
    """Return the tables, and where they were made."""
    machine = results["machine"]
    lines = [
        "# An epoch on Cora",
        "",
        "Made by `python -m benchmarks.citation`; its head says what is measured. Milliseconds,",
        f"medians, {THREADS} threads.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, load {machine['load_average']} at the end; "
        f"{machine['date']}, torch {machine['versions']['torch']}",
        f"- before: {results['commit']}",
        "",
        "| network | PyG | compiled PyG | ours | PyG / ours |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in results["pyg"].items():
        cells = [f"{found[way]:.2f}" for way in ("PyG", "compiled", "ours")]
        lines.append(f"| {name} | {' | '.join(cells)} | {found['PyG'] / found['ours']:.2f} |")
    lines += ["", "| network | before | ours | before / ours | |", "|---|---:|---:|---:|---|"]
    for name, found in results["before"].items():
        low, high = found["interval"]
        cells = [f"{found['before']:.2f}", f"{found['ours']:.2f}", f"{found['ratio']:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {low:.2f} to {high:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="a checkout with its kernels built")
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--rounds", type=int, default=60, help="epochs of which the median counts")
    parser.add_argument("--children", type=int, default=7, help="of each checkout")
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        child(options.root, options.rounds)
        return
    if options.before is None:
        parser.error("--before is needed")
    from benchmarks.measure import describe_machine

    torch.set_num_threads(THREADS)
    command = ["git", "-C", str(options.before), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    results: dict[str, Any] = {
        "commit": commit,
        "pyg": beside_pyg(options.root, options.rounds),
        "before": beside_before(options.before, options.root, options.rounds, options.children),
        "machine": describe_machine(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "citation.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "citation.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
