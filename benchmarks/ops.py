"""Every operator beside its peers, in one run: ``python -m benchmarks.ops``, ``graphpoly bench``.

Before anything is timed, its result (and gradient) is compared with the definition in float64.
Contestants take turns, medians are reported, and what the machine can gather and stream is measured
in the same run. Writes ``ops.json``, ``ops.md`` and ``ops.svg``; a run of some sizes or some
operators (``--size``, ``--op``) replaces what it measured and keeps the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import entries, filters, halves, memory, models, report
from benchmarks.graphs import SIZES, power_law
from benchmarks.measure import (
    Case,
    describe_machine,
    probe,
    processor_time,
    race,
    wall_clock,
)
from benchmarks.peers import Operators

WIDTHS = (1, 16, 32, 64, 128, 256, 602)  # channels of a sum

# what a run is called on the command line -> what it makes of a graph
FAMILIES: dict[str, Callable[[Operators], Iterator[Case]]] = {
    "to_csr": filters.conversion,
    "spmm_sum": lambda o: _chain(filters.aggregation(o, "sum", width) for width in WIDTHS),
    "spmm_mean": lambda o: filters.aggregation(o, "mean", 64),
    "spmm_max": lambda o: filters.aggregation(o, "max", 64),
    "bfloat16": halves.half_precision,
    "reorder": filters.reordering,
    "polynomial": lambda o: filters.polynomial_filter(o, 64),
    "blocked": filters.blocked,
    "lanczos": entries.krylov,
    "attention": entries.attention,
    "gat_conv": models.gat_layer,
    "epoch": models.epochs,
    "segment_softmax": entries.softmax_of_entries,
    "multi_aggregate": entries.several,
    "pool": entries.pooling,
    "sddmm": entries.values,
    "common_neighbors": entries.neighbors,
}
MEMORY = "memory"  # of training; not a race
BUDGET = {"cora": (0.3, 25), "arxiv": (1.5, 11), "products": (2.0, 5)}  # seconds and runs for each
PROBED = (64, 128)
CLOCKS = {"wall": wall_clock, "processor": processor_time}
DEFAULT_SIZES = ("cora", "arxiv")


def _chain(parts: Iterator[Iterator[Case]]) -> Iterator[Case]:
    for part in parts:
        yield from part


def training_memory(graph: str, channels: int, orders: list[int]) -> dict[str, Any]:
    names = ["graphpoly", "careful, in place, torch.sparse CSR", "recurrence on torch.sparse CSR"]
    names.append("recurrence on PyG propagate")
    threads = torch.get_num_threads()
    return {
        "graph": graph,
        "channels": channels,
        "block_bytes": SIZES[graph][0] * channels * 4,
        "peaks": {
            name: {
                str(order): memory.measure(graph, channels, order, name, threads)
                for order in orders
            }
            for name in names
        },
    }


def measure(
    sizes: Sequence[str], names: Sequence[str], clock: str, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Race everybody, family by family; what comes out goes into :func:`report.merge`."""
    machine = describe_machine()
    run = {key: machine[key] for key in ("date", "commit", "load_average", "threads")}
    run["clock"] = clock
    raced = [name for name in FAMILIES if name in names]
    for size in sizes if raced else ():
        o = Operators(power_law(size))
        probes = {
            str(width): probe(o.graph.num_nodes, o.graph.num_edges, width) for width in PROBED
        }
        seconds, most = BUDGET[size]
        for name in raced:
            cases = []
            for case in FAMILIES[name](o):
                found = race(case, seconds=seconds, most=most, clock=CLOCKS[clock])
                cases.append({"family": name, **found, "run": run, "probes": probes})
                say(report.line(found))
            yield {"machine": machine, "cases": cases}
        del o
    if MEMORY in names:
        found = training_memory("pubmed", 64, [10, 30, 100])
        yield {"machine": machine, "cases": [], "memory": found}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.ops", description=__doc__)
    parser.add_argument("--size", nargs="+", choices=list(BUDGET), default=list(DEFAULT_SIZES))
    parser.add_argument("--op", nargs="+", choices=[*FAMILIES, MEMORY])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="processor, with --threads 1, where other work keeps the machine busy",
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    chosen.out.mkdir(parents=True, exist_ok=True)
    kept = chosen.out / "ops.json"
    results = json.loads(kept.read_text()) if kept.exists() else None
    fresh: dict[str, Any] = {"cases": []}
    stream = sys.stderr if chosen.json else sys.stdout
    for part in measure(
        chosen.size,
        chosen.op or [*FAMILIES, MEMORY],
        chosen.clock,
        lambda line: print(line, file=stream, flush=True),
    ):
        fresh = {**fresh, **part, "cases": [*fresh["cases"], *part["cases"]]}
        results = report.merge(results, part, list(FAMILIES), list(BUDGET))
        kept.write_text(json.dumps(results, indent=1) + "\n")  # a run cut short keeps the rest
    assert results is not None
    (chosen.out / "ops.md").write_text(report.markdown(results))
    written = ["ops.json", "ops.md"]
    if report.plot(results, chosen.out / "ops.svg"):
        written.append("ops.svg")
    if chosen.json:
        print(json.dumps(fresh, indent=1))
    else:
        print(f"wrote {', '.join(written)} to {chosen.out}")
    return 0 if report.all_correct(fresh) else 1


if __name__ == "__main__":
    sys.exit(main())
