"""Homomorphism counts beside traces of scipy's powers: ``python -m benchmarks.homomorphisms``.

Everybody starts from an edge list and must find the same number. Times are the least of three, on
one thread. Figures of homlib, which is not installed here, were taken once on another machine on
random graphs of the same size; they stand beside ours for orientation. Writes
``homomorphisms.json`` and ``homomorphisms.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from graphpoly.expressivity import homomorphism_counts

RESULTS = Path(__file__).parent / "results"
GRAPHS = ((1000, 5000), (10_000, 50_000))
CYCLES = range(3, 9)
LARGEST_POWER = 6  # of scipy on the larger graph: the fourth power no longer is sparse
# seconds
HOMLIB = {
    (1000, "C4"): 0.36,
    (1000, "C5"): 3.5,
    (1000, "C6"): 28.2,
    (10_000, "C3"): 0.14,
    (10_000, "C4"): 8.4,
    (10_000, "K4"): 0.10,
}


def random_graph(nodes: int, edges: int) -> Tensor:
    """A random simple graph, both directions of each edge."""
    graph = nx.gnm_random_graph(nodes, edges, seed=0)
    pairs = torch.tensor(list(graph.edges)).T
    return torch.cat([pairs, pairs.flip(0)], 1)


def ours(pattern: nx.Graph, edge_index: Tensor, nodes: int) -> Callable[[], float]:
    """The counts of graphpoly."""

    def run() -> float:
        data = Data(edge_index=edge_index.clone(), num_nodes=nodes)
        return float(homomorphism_counts(pattern, data))

    return run


def trace(length: int, edge_index: Tensor, nodes: int) -> Callable[[], float]:
    """The trace of a power, from two powers of half the length."""

    def run() -> float:
        row, column = edge_index.numpy()
        adjacency = csr_matrix((np.ones(len(row)), (row, column)), shape=(nodes, nodes))
        powers = [adjacency]
        while len(powers) < (length + 1) // 2:
            powers.append(powers[-1] @ adjacency)
        if length % 2 == 0:
            return float((powers[-1].data ** 2).sum())
        return float(powers[-1].multiply(powers[-2]).sum())

    return run


def measure(run: Callable[[], float], times: int = 3) -> tuple[float, float]:
    """The least time and the number."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        count = run()
        taken.append(time.perf_counter() - begin)
    return min(taken), count


def rows(quick: bool) -> list[dict[str, Any]]:
    """All measurements, checked against one another."""
    found = []
    for nodes, edges in GRAPHS[: 1 if quick else 2]:
        edge_index = random_graph(nodes, edges)
        patterns = [(f"C{k}", nx.cycle_graph(k)) for k in CYCLES]
        for name, pattern in [*patterns, ("K4", nx.complete_graph(4))]:
            taken, count = measure(ours(pattern, edge_index, nodes))
            row: dict[str, Any] = {"nodes": nodes, "edges": edges, "pattern": name, "count": count}
            row |= {"graphpoly": taken, "scipy": None, "homlib": HOMLIB.get((nodes, name))}
            if name != "K4" and (nodes == GRAPHS[0][0] or len(pattern) <= LARGEST_POWER):
                row["scipy"], other = measure(trace(len(pattern), edge_index, nodes))
                if other != count:
                    raise SystemExit(f"{name}: graphpoly counts {count}, scipy {other}")
            print(row)
            found.append(row)
    return found


def markdown(report: dict[str, Any]) -> str:
    """The measurements as a page."""
    machine = report["machine"]
    lines = [
        "# Homomorphism counts",
        "",
        "Made by `python -m benchmarks.homomorphisms`. Seconds, least of three runs, one thread.",
        "homlib: taken once on another machine, on random graphs of the same size.",
        "",
        f"- {machine['cpu']}, load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| nodes | edges | pattern | count | graphpoly | scipy, traces | homlib |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    for row in report["rows"]:
        cells = [row["nodes"], row["edges"], row["pattern"], f"{row['count']:.0f}"]
        times = [row[who] for who in ("graphpoly", "scipy", "homlib")]
        cells += ["" if taken is None else f"{taken:.3g}" for taken in times]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smaller graph alone, unwritten")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {"machine": describe_machine(), "rows": rows(options.quick)}
    if not options.quick:
        (RESULTS / "homomorphisms.json").write_text(json.dumps(report, indent=1) + "\n")
        (RESULTS / "homomorphisms.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()
