"""Does rewiring help? Networks on rewired graphs beside the same on the graphs as they are.

python -m benchmarks.rewiring_gain --root FOLDER [--out runs/rewiring-gain] [DATASET ...]

Every arm (no rewiring, FoSR, SDRF) has the same number of trials for each of ten divisions: the
trials share their draws of learning rate, dropout and depth, and an arm that rewires draws its
number of edges beside them. The trial is chosen by its validation score, division by division, and
the test scores of the chosen ones are compared in pairs: Wilcoxon's signed ranks, and the t-test of
Nadeau and Bengio, which allows for training sets that overlap. Trials that are there are not
trained again. Writes ``rewiring_gain.json`` and ``rewiring_gain.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import describe_machine
from graphpoly.data import Dataset, GraphFold, find_dataset
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.studies.statistics import corrected_t, wilcoxon_p

RESULTS = Path(__file__).parent / "results"
SPLITS = 10
# learning rate, dropout, layers; the first is what is usually taken
TRIALS = [(1e-3, 0.5, 4), (5e-3, 0.2, 4), (1e-3, 0.0, 2), (5e-3, 0.5, 6)]
EDGES = [5, 20, 10, 40]  # of an arm that rewires, trial by trial
ARMS: dict[str, dict[str, Any]] = {
    "none": {},
    "FoSR": {"rewire": "fosr", "edges": "edges"},
    "SDRF": {"rewire": "sdrf", "edges": "iterations"},
}
# model, trials, its protocol and the arms
STUDIES: dict[str, tuple[str, int, dict[str, Any], tuple[str, ...]]] = {
    "MUTAG": ("GIN", 4, {"epochs": 100, "patience": 30, "batch_size": 32}, tuple(ARMS)),
    "ENZYMES": ("GIN", 4, {"epochs": 100, "patience": 30, "batch_size": 64}, tuple(ARMS)),
    "PROTEINS": ("GIN", 4, {"epochs": 60, "patience": 20, "batch_size": 64}, tuple(ARMS)),
    "Peptides-func": (
        "GCN",
        1,
        {"epochs": 10, "patience": None, "batch_size": 128},
        ("none", "FoSR"),
    ),
}
SCALE = {"accuracy": 100, "average_precision": 1}


def shuffled(dataset: Dataset) -> Dataset:
    """A dataset with an official division as one with ten random ones of the same sizes."""

    def load(root: Path | None, reading: Any, seed: int) -> Any:
        loaded = dataset.load(root, reading, seed)
        official = loaded.split("official", 0)
        sizes = [len(official.train), len(official.val), len(official.test)]

        def split(name: str, seed: int) -> GraphFold:
            generator = torch.Generator().manual_seed(seed)
            parts = torch.randperm(sum(sizes), generator=generator).split(sizes)
            return GraphFold("shuffled", seed, *parts)

        return dataclasses.replace(loaded, split=split)

    return dataclasses.replace(dataset, splits=("shuffled",), load=load, num_splits=SPLITS)


def train(name: str, arm: str, trial: int, root: Path, out: Path) -> list[dict[str, float]]:
    """Validation and test scores of one trial in every division."""
    model, _, protocol, _ = STUDIES[name]
    entry: str | Dataset = find_dataset(name)
    if "stratified" not in entry.splits:
        entry = shuffled(entry)
    lr, dropout, layers = TRIALS[trial]
    overrides = {**protocol, "lr": lr, "dropout": dropout, "num_layers": layers}
    overrides |= {"weight_decay": 0.0, "norm": "batch_norm", "watch_train": False}
    if "stratified" in entry.splits:
        overrides["split"] = "stratified"
    if arm != "none":
        overrides |= {"rewire": ARMS[arm]["rewire"], ARMS[arm]["edges"]: EDGES[trial]}
    outcome = run_recipe(
        recipe_for(model, entry),
        root=root,
        seeds=SPLITS,
        device="cpu",
        out=out / name.lower() / f"{arm.lower()}-{trial}",
        resume=True,
        overrides=overrides,
    )
    experiment = outcome.experiments[model]
    return [
        {"val": run.val, "test": run.test, "seconds": run.seconds}
        for run in experiment.runs.values()
    ]


def chosen(trials: Sequence[Sequence[dict[str, float]]]) -> list[float]:
    """Test score of the trial with the best validation score, division by division."""
    picked = [
        max(range(len(trials)), key=lambda trial: trials[trial][split]["val"])
        for split in range(SPLITS)
    ]
    return [trials[trial][split]["test"] for split, trial in enumerate(picked)]


def study(name: str, root: Path, out: Path) -> list[dict[str, Any]]:
    """A row for each arm of one dataset."""
    model, trials, protocol, arms = STUDIES[name]
    scores, seconds = {}, {}
    for arm in arms:
        runs = [train(name, arm, trial, root, out) for trial in range(trials)]
        scores[arm] = chosen(runs)
        seconds[arm] = sum(run["seconds"] for trial in runs for run in trial)
        print(f"{name} {arm}: {np.mean(scores[arm]):.4f} in {seconds[arm]:.0f} s", flush=True)
    share = 1 / 8 if "official" not in find_dataset(name).splits else 2331 / 10873
    rows = []
    for arm in arms:
        gains = [b - a for a, b in zip(scores["none"], scores[arm], strict=True)]
        half, p = corrected_t(gains, share)
        row = {
            "dataset": name,
            "model": model,
            "metric": find_dataset(name).metric,
            "arm": arm,
            "trials": trials,
            "protocol": protocol,
            "test": scores[arm],
            "seconds": round(seconds[arm]),
        }
        if arm != "none":
            row |= {
                "gain": float(np.mean(gains)),
                "half": half,
                "p_t": p,
                "p_wilcoxon": wilcoxon_p(gains),
                "better": sum(gain > 0 for gain in gains),
                "worse": sum(gain < 0 for gain in gains),
            }
        rows.append(row)
    return rows


def page(results: dict[str, Any]) -> str:
    """Return the table."""
    machine = results["machine"]
    lines = [
        "# Does rewiring help?",
        "",
        "Made by `python -m benchmarks.rewiring_gain`: ten divisions; in each, every arm has the "
        "same number of trials (of learning rate, dropout and depth, shared by the arms, and of "
        "the number of edges) and is measured with the one that validates best. The gain is the "
        "mean difference to the same network on the graphs as they are, with the 95 % interval of "
        "the corrected t-test; p of that test and of Wilcoxon's signed ranks, neither corrected "
        "for the number of rows.",
        "",
        f"- {machine['cpu']}, one thread; {machine['date']}, commit {machine['commit']}, torch "
        f"{machine['versions']['torch']}",
        "",
        "| dataset | network | trials | arm | test score | gain | better, worse | p, t | "
        "p, Wilcoxon |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        scale = SCALE[row["metric"]]
        digits = 1 if scale == 100 else 4
        score = f"{scale * np.mean(row['test']):.{digits}f}"
        spread = f"{scale * np.std(row['test'], ddof=1):.{digits}f}"
        cells = [row["dataset"], row["model"], str(row["trials"]), row["arm"]]
        cells.append(f"{score} ± {spread}")
        if row["arm"] == "none":
            cells += [""] * 4
        else:
            cells += [
                f"{scale * row['gain']:+.{digits}f} ± {scale * row['half']:.{digits}f}",
                f"{row['better']}, {row['worse']}",
                f"{row['p_t']:.2f}",
                f"{row['p_wilcoxon']:.2f}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Protocols:", ""]
    for name, (model, trials, protocol, _) in STUDIES.items():
        if any(row["dataset"] == name for row in results["rows"]):
            words = ", ".join(f"{key}={value}" for key, value in protocol.items())
            lines.append(f"- {name}: {model}, {trials} trial{'s' * (trials > 1)}, {words}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is not there yet, compare, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=", ".join(STUDIES))
    parser.add_argument("--root", type=Path, required=True, help="folder of datasets")
    parser.add_argument("--out", type=Path, default=Path("runs/rewiring-gain"))
    given = parser.parse_args()
    for name in given.datasets:
        if name not in STUDIES:
            parser.error(f"DATASET: got {name}, expected {', '.join(STUDIES)}")
    rows = []
    for name in given.datasets or STUDIES:
        rows += study(name, given.root, given.out)
    results = {"machine": describe_machine(), "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(results, indent=2) + "\n"
    (RESULTS / "rewiring_gain.json").write_text(text, encoding="utf-8")
    (RESULTS / "rewiring_gain.md").write_text(page(results), encoding="utf-8")
    print(page(results))


if __name__ == "__main__":
    main()
