"""Epochs of PyG's example scripts, with the one line that accelerates them and without it.

    python -m benchmarks.examples --root DATA

The scripts are those of ``benchmarks/example_scripts.py``; an epoch is what a script times, or else
a turn of its loop. Its model runs as it is, under ``torch.compile``, after
``graphpoly.accelerate(model)``, and after ``graphpoly.accelerate(model, optimizer, *loaders)``,
which is called *all*; they take turns, on two threads. The floor is what an epoch does without its
model: batches of graphs by PyG's loader, negative edges, scores of predictions. Losses of PyG and
of *all* are compared over five epochs from one seed, in float64 and with nothing dropped. Medians;
about eight minutes, half of them the compiler's, which ``--plain`` leaves out. Writes
``examples.json`` and ``examples.md``.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch_geometric import seed_everything

from benchmarks.example_scripts import SCRIPTS, Script
from benchmarks.report import processor
from graphpoly import accelerate

RESULTS = Path(__file__).parent / "results"
THREADS, EPOCHS, LEAST = 2, 5, 7
WAYS = ("PyG", "compiled", "ours", "all")
Epoch = Callable[[], Any]


def ways(script: Script) -> dict[str, Any]:
    """Return equal networks, each to be run in its own way."""
    torch.manual_seed(0)
    plain = script.network()
    return {way: copy.deepcopy(plain) for way in WAYS}


def deviation(kind: type[Script], root: Path) -> float:
    """Return the largest relative difference of the losses of a few epochs."""
    losses = {}
    for way in ("PyG", "all"):
        script = kind(root, exact=True)
        net = ways(script)[way]
        optimizer = script.optimizer(net.double())
        if way == "all":
            accelerate(net, optimizer, *script.loaders)
        seed_everything(1)
        losses[way] = [script.epoch(net, optimizer) for _ in range(EPOCHS)]
    pairs = zip(losses["PyG"], losses["all"], strict=True)
    return max(abs(ours - plain) / abs(plain) for plain, ours in pairs)


def medians(epochs: dict[str, Epoch], seconds: float) -> dict[str, float]:
    """Milliseconds of epochs that take turns."""
    times: dict[str, list[float]] = {name: [] for name in epochs}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(times["floor"]) < LEAST:
        for name, epoch in epochs.items():
            epoch()  # what the others left in the caches
            begun = time.perf_counter()
            epoch()
            times[name].append(1e3 * (time.perf_counter() - begun))
    return {name: statistics.median(found) for name, found in times.items()}


def failure(epoch: Epoch) -> str:
    """Run an epoch a few times and say what a compiler could not do with it."""
    try:
        for _ in range(3):
            epoch()
    except torch._dynamo.exc.TorchDynamoException as error:
        return type(error).__name__
    return ""


def measure(kind: type[Script], root: Path, seconds: float, plain: bool) -> dict[str, Any]:
    """Return milliseconds of a script's epoch in each way, and what else there is to say of it."""
    script = kind(root)
    nets = ways(script)
    epochs: dict[str, Epoch] = {"floor": script.floor}
    if plain:
        del nets["compiled"]
    for way, net in nets.items():
        optimizer = script.optimizer(net)
        run = script.compiled(net) if way == "compiled" else net
        of = kind(root) if way == "all" else script  # with loaders of its own
        if way == "ours":
            accelerate(net)
        elif way == "all":
            accelerate(net, optimizer, *of.loaders)
        epochs[way] = lambda of=of, run=run, optimizer=optimizer: of.epoch(run, optimizer)
    torch.manual_seed(2)
    failed = {name: failure(epoch) for name, epoch in epochs.items()}
    epochs = {name: epoch for name, epoch in epochs.items() if not failed[name]}
    found: dict[str, Any] = medians(epochs, seconds)
    report = accelerate(nets["ours"])
    left = [f"{name}: {why}" for name, why in report.left_alone.items()]
    left += [f"{name}: {why}" for name, reasons in report.declined.items() for why in reasons]
    found |= {
        "failed": failed.get("compiled", "not run"),
        "deviation": deviation(kind, root),
        "left": left,
    }
    return found


def page(results: dict[str, Any]) -> str:
    """Return the table, and where it was made."""
    machine = results["machine"]
    lines = [
        "# Epochs of PyG's example scripts",
        "",
        "Made by `python -m benchmarks.examples`; its head says what is measured. Milliseconds,",
        f"medians, {THREADS} threads.",
        "",
        f"- {processor(machine)}, {machine['cpus']} CPUs, load {machine['load_average']} at the "
        f"end; {machine['date']}, torch {machine['versions']['torch']}",
        "",
        "| script | PyG | compiled PyG | ours | PyG / ours | floor | the same above the floor "
        "| all | PyG / all | losses differ by | PyG's code ran |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, found in results["scripts"].items():
        cells = [f"{found[way]:.2f}" if way in found else found["failed"] for way in WAYS[:3]]
        above = (found["PyG"] - found["floor"]) / (found["ours"] - found["floor"])
        cells += [f"{found['PyG'] / found['ours']:.2f}", f"{found['floor']:.2f}", f"{above:.2f}"]
        cells += [f"{found['all']:.2f}", f"{found['PyG'] / found['all']:.2f}"]
        cells += [f"{found['deviation']:.0e}", "; ".join(found["left"]) or "nowhere"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, a script")
    parser.add_argument("--plain", action="store_true", help="without the compiler")
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, default=list(SCRIPTS))
    options = parser.parse_args()
    from benchmarks.measure import describe_machine

    torch.set_num_threads(THREADS)
    options.out.mkdir(parents=True, exist_ok=True)
    scripts: dict[str, Any] = {}
    for name in options.only:
        scripts[name] = measure(SCRIPTS[name], options.root, options.seconds, options.plain)
        results = {"scripts": scripts, "machine": describe_machine()}
        (options.out / "examples.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.out / "examples.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
