"""Growth of PDFConv with the graph: ``python -m benchmarks.pdf [--quick]``.

A step is ``PDFConv(32, 32)``, forward and backward; with weights, their gradient is wanted, too.
Beside it pairs and powers alone, without a gradient, and the powers as the published code makes
them: dense products for each graph, where the graphs are small enough. In float64, both have to
agree at the pairs. Each measurement has a process of its own. Times are of the processor, on one
thread: medians of three after one to warm up, or the first where it takes more than a second.
Memory is what the first run adds to the resident set. Writes ``pdf.json`` and ``pdf.md``. Linux
only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.measure import PeakMemory, describe_machine, processor_time
from benchmarks.wl import path, random_graph, undirected
from graphpoly.layers import PDFConv

CHANNELS, RUNS = 32, 3
CONTESTANTS = ("step", "powers", "dense")
MOST_DENSE = 2500  # nodes of a graph whose powers are made dense
TOLERANCE = 1e-12
RESULTS = Path(__file__).parent / "results"


class Case(NamedTuple):
    """A graph or a batch, and how it is filtered."""

    edge_index: Tensor
    sizes: list[int]
    hops: int | None = 1
    weighted: bool = False


def star(nodes: int) -> Tensor:
    """A star."""
    leaf = torch.arange(1, nodes)
    return undirected(torch.stack([torch.zeros_like(leaf), leaf]))


def side_by_side(nodes: int, edges: int, count: int) -> Case:
    """As many random graphs in a batch, for all pairs."""
    parts = [random_graph(nodes, edges) + i * nodes for i in range(count)]
    return Case(torch.cat(parts, 1), [nodes] * count, None)


def both(one: Case, other: Case) -> Case:
    """Two batches in one."""
    shifted = other.edge_index + sum(one.sizes)
    return Case(torch.cat([one.edge_index, shifted], 1), one.sizes + other.sizes, one.hops)


def cases(quick: bool) -> dict[str, Callable[[], Case]]:
    """What is measured."""
    shrink = 20 if quick else 1
    stars = [nodes // shrink for nodes in (2_500, 5_000, 10_000, 20_000, 40_000)]
    many, nodes, edges = 100_000 // shrink, 10_000 // shrink, 50_000 // shrink
    large, small = (2_000 // shrink, 10_000 // shrink, 1), (10, 20, 500 // shrink)
    empty = torch.empty(2, 0, dtype=torch.int64)
    found: dict[str, Callable[[], Case]] = {}
    for size in stars:
        found[f"star of {size:,}"] = lambda size=size: Case(star(size), [size])
    for size in stars:
        name = f"star of {size:,}, weights"
        found[name] = lambda size=size: Case(star(size), [size], weighted=True)
    return {
        **found,
        f"{many:,} isolated nodes": lambda: Case(empty, [many]),
        f"path of {many:,}": lambda: Case(path(many), [many]),
        f"path of {many:,}, weights": lambda: Case(path(many), [many], weighted=True),
        f"path of {many:,}, 2 hops": lambda: Case(path(many), [many], 2),
        f"random, {nodes:,} nodes": lambda: Case(random_graph(nodes, edges), [nodes]),
        f"random, {nodes:,} nodes, weights": lambda: Case(
            random_graph(nodes, edges), [nodes], weighted=True
        ),
        f"all pairs of 1 graph of {large[0]:,}": lambda: side_by_side(*large),
        f"all pairs of {small[2]} graphs of {small[0]}": lambda: side_by_side(*small),
        "all pairs of both in one batch": lambda: both(side_by_side(*large), side_by_side(*small)),
    }


class Run:
    """A case with its layer, ready to be measured."""

    def __init__(self, case: Case) -> None:
        torch.manual_seed(0)
        self.case, self.num_nodes = case, sum(case.sizes)
        self.batch = torch.repeat_interleave(torch.tensor(case.sizes))
        self.conv = PDFConv(CHANNELS, CHANNELS, hops=case.hops)
        self.x = torch.randn(self.num_nodes, CHANNELS)
        self.weight = torch.rand(case.edge_index.size(1)) + 0.5 if case.weighted else None

    def graph(self, dtype: torch.dtype = torch.float32) -> tuple[Any, ...]:
        """What the layer is given, and no operator remembers."""
        weight = None if self.weight is None else self.weight.to(dtype, copy=True)
        if weight is not None:
            weight.requires_grad_()
        return self.x.to(dtype), self.case.edge_index.clone(), weight, self.batch

    def step(self) -> None:
        """One forward and one backward pass."""
        self.conv(*self.graph()).square().sum().backward()

    @torch.no_grad()
    def powers(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
        """The pairs and the powers at them."""
        pairs, _, basis = self.conv.basis(*self.graph(dtype))
        return pairs.rows().long(), pairs.col.long(), basis

    def dense(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        """The powers of each graph, ``[n, n, 1 + K]``."""
        found, first = [], 0
        source, target = self.case.edge_index
        value = torch.ones(source.size(0)) if self.weight is None else self.weight
        for size in self.case.sizes:
            here = (source >= first) & (source < first + size)
            matrix = torch.eye(size, dtype=dtype)
            place = target[here] - first, source[here] - first
            matrix = matrix.index_put(place, value[here].to(dtype), accumulate=True)
            root = matrix.sum(1).rsqrt()
            step = root[:, None] * matrix * root
            powers = [torch.eye(size, dtype=dtype), step]
            while len(powers) <= max(self.conv.powers):
                powers.append(step @ powers[-1])
            found.append(torch.stack(powers, -1))
            first += size
        return found

    def check(self) -> None:
        """Compare both at the pairs of the layer."""
        row, col, basis = self.powers(torch.float64)
        start = [0]
        for size in self.case.sizes:
            start.append(start[-1] + size)
        order = self.batch[row].argsort(stable=True)
        parts = order.split(torch.bincount(self.batch[row], minlength=len(start) - 1).tolist())
        for here, first, powers in zip(parts, start[:-1], self.dense(torch.float64), strict=True):
            found = powers[row[here] - first, col[here] - first]
            off = float((found - basis[here]).abs().max())
            if not off < TOLERANCE:
                raise RuntimeError(f"the graph from node {first} on: off by {off}")


def measured(run: Callable[[], Any]) -> dict[str, Any]:
    """Time and growth of the resident set."""
    peak = PeakMemory()
    first = processor_time(run)
    bytes_ = peak.read()
    if first < 1:
        first = statistics.median(processor_time(run) for _ in range(RUNS))
    return {"s": first, "peak_bytes": bytes_}


def alone(name: str, who: str, quick: bool) -> dict[str, Any]:
    """Measure one contestant."""
    run = Run(cases(quick)[name]())
    if who == "dense":
        run.check()
    row = measured({"step": run.step, "powers": run.powers, "dense": run.dense}[who])
    edges = run.case.edge_index.size(1)
    return {"nodes": run.num_nodes, "edges": edges, **row}


def main() -> None:
    """Run all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small graphs, to try the script")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    machine = describe_machine()
    for name, make in cases(arguments.quick).items():
        row: dict[str, Any] = {"case": name}
        for who in CONTESTANTS:
            if who == "dense" and max(make().sizes) > MOST_DENSE:
                continue
            with multiprocessing.get_context("fork").Pool(1) as pool:
                row[who] = pool.apply(alone, (name, who, arguments.quick))
        rows.append(row)
        print(json.dumps(row), flush=True)
    suffix = "-quick" if arguments.quick else ""
    report = {"machine": machine, "rows": rows}
    (RESULTS / f"pdf{suffix}.json").write_text(json.dumps(report, indent=2) + "\n")
    (RESULTS / f"pdf{suffix}.md").write_text(page(machine, rows))


def page(machine: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    lines = [
        "# PDFConv and the size of the graph",
        "",
        "Made by `python -m benchmarks.pdf`; its head says what is measured. A step goes forward",
        "and backward; powers are what of it reads the graph, forward; dense: the same as the",
        f"published code makes them, for graphs of up to {MOST_DENSE:,} nodes.",
        "",
        f"- {machine['cpu']}, load {machine['load_average']} at the start, one thread",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| case | nodes | edges | step s | MB | powers s | MB | dense s | MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        mine = row["step"]
        cells = [row["case"], f"{mine['nodes']:,}", f"{mine['edges']:,}"]
        for who in CONTESTANTS:
            one = row.get(who)
            cells += ["", ""] if one is None else [f"{one['s']:.3f}", _megabytes(one)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _megabytes(row: dict[str, Any]) -> str:
    return "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:.0f}"


if __name__ == "__main__":
    main()
