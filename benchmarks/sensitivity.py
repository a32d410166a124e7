"""What is heard across a bottleneck, before and after rewiring.

python -m benchmarks.sensitivity

Networks of 8 layers ``relu((I + D^-1/2 A D^-1/2) h W / 2)``, 16 wide, in the mean over 20 draws of
their weights; the sensitivity of every node to every other one, in the norm that the 1-norm
induces, against their commute time. The same after edges were added by FoSR and by GTR. Writes
``sensitivity.json``, ``sensitivity.md`` and ``sensitivity.png``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter
from scipy.stats import spearmanr
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.rewiring import GTR, FoSR, Rewiring
from graphpoly.rewiring.measures import commute_time, sensitivity

RESULTS = Path(__file__).parent / "results"
LAYERS, WIDTH, DRAWS = 8, 16, 20
EDGES = 4
METHODS: dict[str, Rewiring | None] = {"as it is": None, "FoSR": FoSR(EDGES), "GTR": GTR(EDGES)}
COLORS = {"as it is": "#7a8088", "FoSR": "#3b4cc0", "GTR": "#d0661c"}


def graphs() -> dict[str, nx.Graph]:
    """Graphs with a bottleneck."""
    return {
        "two cliques and a path": nx.barbell_graph(7, 4),
        "cliques in a row": nx.Graph(
            [
                *((6 * c + i, 6 * c + j) for c in range(4) for i in range(6) for j in range(i)),
                *((6 * c + 5, 6 * c + 6) for c in range(3)),
            ]
        ),
        "binary tree": nx.balanced_tree(2, 3),
    }


def heard(pairs: Tensor, size: int) -> Tensor:
    """Sensitivity of each node (rows) to each other (columns), ``[N, N]``."""
    adjacency = torch.zeros(size, size, dtype=torch.float64)
    adjacency[pairs[0], pairs[1]] = 1
    root = adjacency.sum(1).rsqrt()
    step = (torch.eye(size) + root[:, None] * adjacency * root) / 2
    total = torch.zeros(size, size, dtype=torch.float64)
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        shape = (LAYERS, WIDTH, WIDTH)
        weights = torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(WIDTH)
        x = torch.randn(size, WIDTH, generator=generator, dtype=torch.float64)

        def network(x: Tensor, weights: Tensor = weights) -> Tensor:
            for weight in weights:
                x = torch.relu(step @ x @ weight)
            return x

        total += torch.stack([sensitivity(network, x, node) for node in range(size)])
    return total / DRAWS


def measure(graph: nx.Graph) -> dict[str, dict[str, list[float]]]:
    """Commute times and sensitivities of all pairs, for each method."""
    pairs = torch.tensor(list(graph.to_directed().edges)).T.contiguous()
    size, found = len(graph), {}
    low, high = torch.triu_indices(size, size, 1)
    for name, method in METHODS.items():
        data = Data(edge_index=pairs, num_nodes=size)
        if method is not None:
            data = method(data)
        ways = heard(data.edge_index, size)
        found[name] = {
            "commute": commute_time(data.edge_index, size)[low, high].tolist(),
            "heard": ((ways[low, high] + ways[high, low]) / 2).tolist(),
        }
    return found


def summary(found: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    """A line for each method: how the pairs that were farthest apart hear each other."""
    far = torch.tensor(found["as it is"]["commute"])
    worst = far >= far.quantile(0.9)
    rows = []
    for name, each in found.items():
        loud = torch.tensor(each["heard"], dtype=torch.float64)
        rows.append(
            {
                "method": name,
                "rank correlation": float(spearmanr(each["commute"], each["heard"]).statistic),
                "largest commute time": max(each["commute"]),
                "heard by the farthest tenth": float(loud[worst].mean()),
            }
        )
    return rows


def draw(everything: dict[str, dict[str, dict[str, list[float]]]], path: Path) -> None:
    """Draw sensitivity against commute time, one panel for each graph."""
    figure = Figure(figsize=(9.6, 3.1), layout="constrained")
    panels = figure.subplots(1, len(everything))
    for panel, (title, found) in zip(panels, everything.items(), strict=True):
        for name, each in found.items():
            panel.scatter(
                each["commute"], each["heard"], s=5, color=COLORS[name], alpha=0.6, label=name
            )
        panel.set(xscale="log", yscale="log", xlabel="commute time")
        panel.xaxis.set_major_locator(FixedLocator([20, 50, 100, 200, 500]))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_title(title, loc="left", fontsize=10, fontweight="bold")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("sensitivity")
    panels[0].legend(frameon=False, fontsize=8, markerscale=2)
    figure.savefig(path, dpi=140)


def page(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Return the table."""
    lines = [
        "# What is heard across a bottleneck",
        "",
        f"Networks of {LAYERS} layers, {WIDTH} wide, mean over {DRAWS} draws of the weights; "
        f"{EDGES} edges added. Rank correlation: Spearman's, between the commute time of a pair "
        "and its sensitivity. The farthest tenth of the pairs is that of the graph as it is.",
        "",
        "| graph | " + " | ".join(next(iter(rows.values()))[0]) + " |",
        "|---|---|---:|---:|---:|",
    ]
    for graph, some in rows.items():
        for method, *values in (row.values() for row in some):
            lines.append(f"| {graph} | {method} | " + " | ".join(f"{v:.3g}" for v in values) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the results."""
    everything = {title: measure(graph) for title, graph in graphs().items()}
    rows = {title: summary(found) for title, found in everything.items()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sensitivity.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "sensitivity.md").write_text(page(rows), encoding="utf-8")
    draw(everything, RESULTS / "sensitivity.png")
    print(page(rows))


if __name__ == "__main__":
    main()
