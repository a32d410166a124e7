"""Robust fidelity beside the classic one: explanations that are known, spoilt little by little.

python -m benchmarks.fidelity [--root DATA] [--seeds N]

What explains a graph of BA-2motifs is its motif; of a mutagen it is, here, the bonds within its
nitro and amino groups. Edges of that truth are taken away and other edges added at random: as the
distance to the truth grows Fid+ should fall, Fid- rise, and the difference of the two fall. Zheng
et al. (Towards Robust Fidelity, ICLR 2024) find that the classic measure, which takes away all
edges of an explanation at once, does not. Then explainers are put in order by both, and by the area
under the curve of their scores against the truth. Writes ``fidelity.json``, ``fidelity.md`` and
``fidelity.svg``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch_geometric.data import Batch, Data

from benchmarks.explained import EXPLAINERS, TRAINED, Net, Pairs, mutagens, train, two_motifs
from benchmarks.measure import describe_machine
from graphpoly.robustness import fidelity
from graphpoly.training import seed_everything

RESULTS = Path(__file__).parent / "results"
LABELS = {"BA-2motifs": None, "Mutagenicity": 0}  # the class that is explained
EPOCHS = 60
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the truth, that are taken away and added
ALPHAS = (0.1, 0.3, 0.5, 1.0)  # the last is the classic fidelity
ROBUST, SAMPLES = ALPHAS[0], 50
SPOILT, EXPLAINED = 120, 40  # graphs
# sign of the correlation with the distance to the truth that a measure should have
SIGNS = {"plus": -1, "minus": 1, "delta": -1}
AXES = ("removed", "added", "both")
KINDS = ("classic", "robust")
NAMES = {"plus": "Fid+", "minus": "Fid-", "delta": "difference"}
COLORS = {"plus": "#3b4cc0", "minus": "#d0661c", "delta": "#2c9c7a"}


def values(net: Net, batch: Batch, pairs: Pairs, named: Tensor, alpha: float) -> dict[str, Tensor]:
    """Fidelities of an explanation of each graph."""
    explained = Batch(x=batch.x, edge_index=batch.edge_index, batch=batch.batch)
    explained.edge_mask = named[pairs.edge].float()
    found = fidelity(
        net,
        explained,
        batch.y,
        remove=alpha,
        keep=1 - alpha,
        samples=1 if alpha == 1 else SAMPLES,
        generator=torch.Generator().manual_seed(0),
    )
    return {name: getattr(found, name).double() for name in SIGNS}


def spoilt(net: Net, batch: Batch, seed: int) -> list[dict[str, Any]]:
    """How each measure goes with the distance to the truth, for every alpha and every axis.

    Correlations have the sign that a good measure makes positive; those within each graph are
    averaged over the graphs, and there is that of the means over the graphs.
    """
    pairs, generator = Pairs(batch), torch.Generator().manual_seed(seed)
    shares = list(itertools.product(SHARES, SHARES))
    drawn = [pairs.spoil(*each, generator) for each in shares]
    far = torch.stack([pairs.total(named != pairs.truth) for named in drawn])
    removed, added = torch.tensor(shares).t()
    axes = {"removed": added == 0, "added": removed == 0, "both": removed >= 0}
    rows = []
    for alpha in ALPHAS:
        found = [values(net, batch, pairs, named, alpha) for named in drawn]
        for name, sign in SIGNS.items():
            table = torch.stack([each[name] for each in found])  # draws x graphs
            row: dict[str, Any] = {"alpha": alpha, "measure": name}
            for axis, inside in axes.items():
                columns = zip(far[inside].t(), table[inside].t(), strict=True)
                row[axis] = sign * statistics.fmean(correlation(*each) for each in columns)
            row["means"] = sign * correlation(far.mean(1), table.mean(1))
            rows.append(row)
    return rows


def correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, 0 where one of the two is constant."""
    if len(one.unique()) == 1 or len(other.unique()) == 1:
        return 0.0
    return float(spearmanr(one.numpy(), other.numpy()).statistic)


def explainers(net: Net, batch: Batch) -> list[dict[str, Any]]:
    """Area under the curve, and fidelities of the best pairs, of each explainer."""
    pairs, rows = Pairs(batch), []
    for label, explain in EXPLAINERS.items():
        scores = pairs.mean(explain(net, batch).detach())
        areas = [
            roc_auc_score(pairs.truth[inside].numpy(), scores[inside].numpy())
            for inside in (pairs.graph == i for i in range(len(batch.y)))
        ]
        named = pairs.best(scores)
        row: dict[str, Any] = {"explainer": label, "area": statistics.fmean(areas)}
        for kind, alpha in zip(KINDS, (1.0, ROBUST), strict=True):
            found = values(net, batch, pairs, named, alpha)
            row[kind] = {name: float(each.mean()) for name, each in found.items()}
        rows.append(row)
    return rows


def chosen(net: Net, graphs: Sequence[Data], label: int | None, most: int) -> Batch:
    """Graphs that have a truth and other edges, and are classified rightly."""
    found = []
    for graph in graphs:
        inside = graph.truth.sum()
        if 0 < inside < graph.num_edges and (label is None or graph.y == label):
            with torch.no_grad():
                if int(net(graph.x, graph.edge_index).argmax()) == int(graph.y):
                    found.append(graph)
        if len(found) == most:
            break
    return Batch.from_data_list(found)


def measure(name: str, root: Path | None, seed: int) -> dict[str, Any]:
    """One network on one dataset, and all explanations of it."""
    begin = time.process_time()
    seed_everything(seed)
    graphs = two_motifs() if name == "BA-2motifs" else mutagens(root)
    graphs = [graphs[i] for i in torch.randperm(len(graphs))]
    held = len(graphs) // 5
    net = train(graphs[held:], EPOCHS)
    tested = Batch.from_data_list(graphs[:held])
    with torch.no_grad():
        right = net(tested.x, tested.edge_index, tested.batch).argmax(1) == tested.y
    batch = chosen(net, graphs[:held], LABELS[name], SPOILT)
    count = len(batch.y)
    row: dict[str, Any] = {"dataset": name, "seed": seed, "graphs": count}
    row["accuracy"] = float(right.double().mean())
    row["truth"] = float(batch.truth.sum()) / 2 / count
    row["edges"] = batch.num_edges / 2 / count
    row["spoilt"] = spoilt(net, batch, seed)
    row["explainers"] = explainers(net, Batch.from_data_list(batch.to_data_list()[:EXPLAINED]))
    row["seconds"] = time.process_time() - begin
    return row


def of(rows: list[dict[str, Any]], name: str, alpha: float, measure: str, axis: str) -> list[float]:
    """A correlation in every network."""
    return [
        each[axis]
        for row in rows
        if row["dataset"] == name
        for each in row["spoilt"]
        if each["alpha"] == alpha and each["measure"] == measure
    ]


def wins(rows: list[dict[str, Any]], name: str, measure: str, axis: str) -> int:
    """In how many networks the robust measure goes better with the distance than the classic."""
    robust, classic = (of(rows, name, alpha, measure, axis) for alpha in (ROBUST, 1.0))
    return sum(one > other for one, other in zip(robust, classic, strict=True))


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over the networks."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.2f} ± {deviation:.2f}"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the correlations against alpha."""
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    panels = figure.subplots(len(LABELS), len(AXES) + 1, sharex=True, sharey=True)
    for line, name in zip(panels, LABELS, strict=True):
        for panel, axis in zip(line, (*AXES, "means"), strict=True):
            for measure, color in COLORS.items():
                found = np.array([of(rows, name, alpha, measure, axis) for alpha in ALPHAS])
                panel.plot(ALPHAS, found.mean(1), "o-", markersize=3, color=color)
                low, high = found.min(1), found.max(1)
                panel.fill_between(ALPHAS, low, high, color=color, alpha=0.15, linewidth=0)
            panel.axhline(0, color="#c8ccd2", linewidth=0.8, zorder=0)
            panel.set_title(f"{name}, {axis}", loc="left", fontsize=9, fontweight="bold")
            panel.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel("rank correlation")
    for panel in panels[-1]:
        panel.set_xlabel("alpha; 1 is classic")
    for measure, color in COLORS.items():
        panels[0][0].plot([], [], color=color, label=NAMES[measure])
    panels[0][0].legend(frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "graphpoly"}):
        figure.savefig(path, metadata={"Date": None})


def page(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine, rows = results["machine"], results["rows"]
    lines = [
        "# Robust and classic fidelity",
        "",
        f"Made by `python -m benchmarks.fidelity`: {results['seeds']} networks (three layers of "
        f"GIN) on each dataset; {SPOILT} graphs at most of the fifth that is held out, classified "
        "rightly, of Mutagenicity mutagens with a nitro or amino group. Robust is alpha = "
        f"{ROBUST:g}, {SAMPLES} draws, of the probability of the class; classic is alpha = 1.",
        "",
        f"- {machine['cpu']}, one thread; {machine['date']}, commit {machine['commit']}, torch "
        f"{machine['versions']['torch']}, torch-geometric {machine['versions']['torch-geometric']}",
    ]
    for name in LABELS:
        held = [row for row in rows if row["dataset"] == name]
        accuracy = [100 * row["accuracy"] for row in held]
        truth, edges = (statistics.fmean(row[key] for row in held) for key in ("truth", "edges"))
        lines.append(
            f"- {name}: accuracy {spread(accuracy)} %, {truth:.1f} of {edges:.1f} edges of a graph "
            f"are its truth; {statistics.fmean(row['seconds'] for row in held):.0f} s a network"
        )
    lines += [
        "",
        "## Spoilt explanations",
        "",
        "Rank correlation between a measure and the number of edges by which an explanation "
        "differs from the truth, 1 where the measure goes as it should: within a graph, where "
        f"edges are only removed, only added, and both, in {len(SHARES)} or {len(SHARES) ** 2} "
        f"steps; and between the means over the graphs of the {len(SHARES) ** 2}. Mean and "
        "standard deviation over the networks.",
        "",
        "![Rank correlation against alpha](fidelity.svg)",
        "",
        "| dataset | measure | "
        + " | ".join(f"{axis}, classic | robust" for axis in (*AXES, "means"))
        + " |",
        "|---|---|" + "---:|---:|" * (len(AXES) + 1),
    ]
    for name, measure in itertools.product(LABELS, SIGNS):
        cells = [
            spread(of(rows, name, alpha, measure, axis))
            for axis in (*AXES, "means")
            for alpha in (1.0, ROBUST)
        ]
        lines.append(f"| {name} | {NAMES[measure]} | " + " | ".join(cells) + " |")
    lines.append("")
    for name in LABELS:
        ahead = []
        for axis, words in (("both", "within a graph in"), ("means", "of means in")):
            found = [f"{wins(rows, name, each, axis)} ({NAMES[each]})" for each in SIGNS]
            ahead.append(f"{words} {', '.join(found)}")
        lines.append(
            f"- {name}: robust is ahead {'; '.join(ahead)} of {results['seeds']} networks."
        )
    lines += [
        "",
        "The bands of the drawing go from the lowest network to the highest. An edge that is added "
        "takes nothing away from an explanation: no measure here has a reason to punish it.",
        "",
        "## Explainers",
        "",
        f"{EXPLAINED} graphs at most; of each graph the edges of the highest scores are named, as "
        "many as its truth has. The area is that under the curve of the scores against the truth. "
        "*Anything else* is edges outside the truth alone, at random. PyG's explainers are trained "
        f"for {' and '.join(f'{count} ({name})' for name, count in TRAINED.items())} epochs, the "
        "second on the graphs that it explains; the gradient is that of the logit by the weights.",
        "",
        "| dataset | explainer | area | classic Fid+ | Fid- | difference | robust Fid+ | Fid- | "
        "difference |",
        "|---|---|---:|" + "---:|" * 6,
    ]
    for name in LABELS:
        held = [row["explainers"] for row in rows if row["dataset"] == name]
        for each in zip(*held, strict=True):
            cells = [spread([row["area"] for row in each])]
            for kind, measure in itertools.product(KINDS, SIGNS):
                cells.append(f"{statistics.fmean(row[kind][measure] for row in each):.3f}")
            lines.append(f"| {name} | {each[0]['explainer']} | " + " | ".join(cells) + " |")
    lines += ["", "Rank correlation between the area and the difference, over the explainers:", ""]
    for name in LABELS:
        held = [row["explainers"] for row in rows if row["dataset"] == name]
        words = [f"{kind} {spread([agreement(each, kind) for each in held])}" for kind in KINDS]
        lines.append(f"- {name}: {', '.join(words)}")
    return "\n".join(lines) + "\n"


def agreement(rows: list[dict[str, Any]], kind: str) -> float:
    """Rank correlation between areas and differences of the explainers of one network."""
    columns = [[row["area"] for row in rows], [row[kind]["delta"] for row in rows]]
    return correlation(*map(torch.tensor, columns))


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {"machine": describe_machine(), "seeds": given.seeds, "rows": []}
    for name, seed in itertools.product(LABELS, range(given.seeds)):
        results["rows"].append(measure(name, given.root, seed))
        print(name, seed, f"{results['rows'][-1]['seconds']:.0f} s", flush=True)
    (RESULTS / "fidelity.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    (RESULTS / "fidelity.md").write_text(page(results), encoding="utf-8")
    draw(results["rows"], RESULTS / "fidelity.svg")
    print(page(results))


if __name__ == "__main__":
    main()
