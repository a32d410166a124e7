"""Accuracy against privacy: a layer that reads its neighbours, and one that reads none.

python -m benchmarks.privacy --root FOLDER [--seeds 2] [GRAPH ...]

Each network is trained with several epsilons, each with the noise that all steps together need, and
without any protection on the same graph. Nothing is chosen by a score: the accuracy is that of the
last step. Two graphs: communities drawn here, where there is room, and Amazon Computers, where
there is little; what is not measured now is kept. Writes ``privacy.json``, ``privacy.md`` and
``privacy.svg``.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE

from benchmarks.measure import describe_machine
from graphpoly.data import find_dataset
from graphpoly.models.baselines import MLP
from graphpoly.privacy import PrivacySettings
from graphpoly.privacy.examples import apart, keep_edges
from graphpoly.training import NodeTask, PrivateNodeTask

RESULTS = Path(__file__).parent / "results"
TRAIN, REST, CLASSES, WIDTH = 80_000, 20_000, 10, 32
STEPS, UNPROTECTED = {"communities": 25, "computers": 60}, 60
NO_NOISE = 1e6  # an epsilon: what sampling and clipping cost by themselves
EPSILONS = {"communities": (0.25, 0.5, 1, 2, 4, 8), "computers": (2, 8, 32)}
RATES = {"communities": (0.2, 0.1), "computers": (0.02, 0.02)}  # with noise, and without protection
# by how many a node may be read; None reads no edge
NETWORKS: dict[str, int | None] = {
    "neighbours, K = 4": 4,
    "neighbours, K = 12": 12,
    "no graph": None,
}
# where there is no room for few readers there is none for many
FEW = ("neighbours, K = 4", "no graph")
MEASURED = {"communities": tuple(NETWORKS), "computers": FEW}
COLORS = dict(zip(NETWORKS, ("#3b4cc0", "#2c9c7a", "#d0661c"), strict=True))


def communities(seed: int) -> tuple[Data, SimpleNamespace]:
    """Ten communities, 60 % of the edges within, none between training and other nodes."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(count: int) -> Tensor:
        return torch.rand(count, generator=generator, dtype=torch.float64)

    num_nodes = TRAIN + REST
    trains = torch.arange(num_nodes) < TRAIN
    y = torch.randint(CLASSES, (num_nodes,), generator=generator)
    centres = torch.randn(CLASSES, WIDTH, generator=generator)
    centres *= 1.5 / centres.norm(dim=1, keepdim=True)
    x = (centres[y] + torch.randn(num_nodes, WIDTH, generator=generator)) / WIDTH**0.5
    group = y + CLASSES * ~trains
    order = torch.argsort(group, stable=True)
    count = torch.bincount(group)
    begin = count.cumsum(0) - count
    one = torch.randint(num_nodes, (6 * num_nodes,), generator=generator)
    like = begin[group[one]] + (uniform(len(one)) * count[group[one]]).long()
    anybody = uniform(len(one))
    other = torch.where(trains[one], anybody * TRAIN, TRAIN + anybody * REST).long()
    two = torch.where(uniform(len(one)) < 0.6, order[like], other)
    edges = torch.stack([one, two])[:, one != two]
    edges = torch.unique(torch.cat([edges, edges.flip(0)], 1), dim=1)
    place = torch.arange(num_nodes)
    split = SimpleNamespace(
        train_mask=trains,
        val_mask=~trains & (place < TRAIN + REST // 2),
        test_mask=place >= TRAIN + REST // 2,
    )
    return Data(x=x, edge_index=edges, y=y), split


def computers(root: Path, seed: int) -> tuple[Data, Any]:
    """Amazon Computers in a division of its own for each seed."""
    entry = find_dataset("computers")
    loaded = entry.load(root, entry.reading, 0)
    return loaded.data, loaded.split("stratified", seed)


def network(readers: int | None, data: Data, seed: int) -> nn.Module:
    """One layer: what protection needs grows with the number of weights."""
    torch.manual_seed(seed)
    width, classes = data.x.size(1), int(data.y.max()) + 1
    if readers is None:
        return MLP(width, width, classes, num_layers=1)
    return GraphSAGE(width, width, 1, classes)


def train(
    graph: str, readers: int | None, data: Data, split: Any, epsilon: float | None, seed: int
) -> dict[str, Any]:
    """Score after the last step, and what was spent."""
    model = network(readers, data, seed)
    began = time.perf_counter()
    private = None
    if epsilon is None:
        among = split.train_mask
        inside = among[data.edge_index].all(0).nonzero().view(-1)
        task: Any = NodeTask(keep_edges(data, apart(data.edge_index, among, inside)), split)
    else:
        settings = PrivacySettings(epsilon=epsilon, max_degree=readers or 1)
        task = private = PrivateNodeTask(
            data, split, model, settings, epochs=STEPS[graph], seed=seed
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATES[graph][epsilon is None])
    for _ in range(UNPROTECTED if epsilon is None else STEPS[graph]):
        task.train_epoch(model, optimizer)
    found = {"test": task.evaluate(model)["test"], "seconds": time.perf_counter() - began}
    if private is not None:
        spent = private.report()["privacy"]
        found |= {key: spent[key] for key in ("delta", "sigma", "sensitivity")}
    return found


def measure(graphs: Sequence[str], root: Path, seeds: int) -> list[dict[str, Any]]:
    """A row for each graph, network and epsilon."""
    rows = []
    for graph in graphs:
        drawn = [
            communities(seed) if graph == "communities" else computers(root, seed)
            for seed in range(seeds)
        ]
        unprotected: dict[bool, list[dict[str, Any]]] = {}
        for name in MEASURED[graph]:
            readers = NETWORKS[name]
            for epsilon in (*EPSILONS[graph], NO_NOISE, None):
                runs = unprotected.get(readers is None, []) if epsilon is None else []
                runs = runs or [
                    train(graph, readers, data, split, epsilon, seed)
                    for seed, (data, split) in enumerate(drawn)
                ]
                if epsilon is None:
                    unprotected[readers is None] = runs
                row = {
                    "graph": graph,
                    "network": name,
                    "epsilon": epsilon,
                    "test": [run["test"] for run in runs],
                    "seconds": round(sum(run["seconds"] for run in runs) / seeds, 1),
                    "num_train": int(drawn[0][1].train_mask.sum()),
                }
                keys = ("delta", "sigma", "sensitivity")
                rows.append({**row, **{key: runs[0][key] for key in keys if key in runs[0]}})
                print(f"{graph}, {name}, {epsilon}: {np.mean(row['test']):.4f}", flush=True)
    return rows


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw accuracy against epsilon, a panel for each graph, without protection as a line."""
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    panels = figure.subplots(1, len(EPSILONS))
    for panel, (graph, epsilons) in zip(panels, EPSILONS.items(), strict=True):
        for name in MEASURED[graph]:
            color = COLORS[name]
            mine = [row for row in rows if row["graph"] == graph and row["network"] == name]
            scores = 100 * np.array([row["test"] for row in mine])
            *protected, _, unprotected = scores.mean(1)
            panel.plot(epsilons, protected, "o-", ms=3.5, color=color, label=name)
            if name != "neighbours, K = 12":  # the same as for 4
                panel.axhline(unprotected, color=color, linewidth=0.9, linestyle=(0, (4, 3)))
        panel.set_xscale("log", base=2)
        panel.set_xticks(epsilons, [f"{each:g}" for each in epsilons])
        panel.minorticks_off()
        panel.set(xlabel="ε")
        count = next(row["num_train"] for row in rows if row["graph"] == graph)
        title = f"{graph}, {count:,} training nodes"
        panel.set_title(title, loc="left", fontsize=10, fontweight="bold")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test accuracy, %")
    panels[0].legend(
        frameon=False,
        fontsize=8,
        title="dashed: no protection",
        title_fontsize=8,
        loc="lower right",
    )
    figure.savefig(path)


def page(results: dict[str, Any]) -> str:
    """Return the table."""
    machine, rows = results["machine"], results["rows"]
    found = {(row["graph"], row["network"], row["epsilon"]): row for row in rows}
    lines = [
        "# What protection costs",
        "",
        "Made by `python -m benchmarks.privacy`: test accuracy of one layer, in per cent, mean "
        f"(and each) of {results['seeds']} seeds, after {' and '.join(map(str, STEPS.values()))} "
        f"steps on all training nodes (without protection {UNPROTECTED}); δ = 1 / (10 N), "
        "thresholds from the first gradients. Nothing is chosen by a score. The layer takes the "
        "mean over neighbours beside a node's own features, or these alone. Test nodes read no "
        "training node; without protection every edge between training nodes is read. Noise is "
        "that of all steps together, in thresholds: σ times the sensitivity, 2 (K + 1) for a layer "
        "that reads neighbours and 1 for one that reads none. *No noise* samples and clips as the "
        "rows above it, with ε = 10⁶.",
        "",
        f"- {machine['cpu']}, one thread; {machine['date']}, commit {machine['commit']}, torch "
        f"{machine['versions']['torch']}",
        "",
        "![Test accuracy against epsilon](privacy.svg)",
        "",
        f"| graph | training nodes | ε | {' | '.join(NETWORKS)} | noise | seconds |",
        f"|---|---:|---:|{'---:|' * len(NETWORKS)}---:|---:|",
    ]
    for graph in [each for each in EPSILONS if any(row["graph"] == each for row in rows)]:
        for epsilon in (*EPSILONS[graph], NO_NOISE, None):
            several = [found.get((graph, name, epsilon)) for name in NETWORKS]
            there = [row for row in several if row is not None]
            names = {None: "no protection", NO_NOISE: "no noise"}
            cells = [graph, f"{there[0]['num_train']:,}", names.get(epsilon, f"{epsilon}")]
            for row in several:
                if row is None:
                    cells.append("")
                    continue
                each = ", ".join(f"{100 * score:.1f}" for score in row["test"])
                cells.append(f"{100 * np.mean(row['test']):.1f} ({each})")
            noise = [row["sigma"] * row["sensitivity"] for row in there if "sigma" in row]
            cells.append(", ".join(f"{value:.3g}" for value in noise))
            cells.append(", ".join(f"{row['seconds']:.0f}" for row in there))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("graphs", nargs="*", metavar="GRAPH", help=", ".join(EPSILONS))
    parser.add_argument("--root", type=Path, required=True, help="folder of datasets")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    logging.getLogger("graphpoly").setLevel(logging.ERROR)  # thresholds are estimated everywhere
    graphs = given.graphs or list(EPSILONS)
    rows = measure(graphs, given.root, given.seeds)
    kept = RESULTS / "privacy.json"
    if kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))["rows"]
        rows += [row for row in before if row["graph"] not in graphs]
    results = {"machine": describe_machine(), "seeds": given.seeds, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    kept.write_text(json.dumps(results) + "\n", encoding="utf-8")
    (RESULTS / "privacy.md").write_text(page(results), encoding="utf-8")
    if {row["graph"] for row in rows} == set(EPSILONS):
        draw(rows, RESULTS / "privacy.svg")
    print(page(results))


if __name__ == "__main__":
    main()
