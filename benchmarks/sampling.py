"""Sampled neighbourhoods beside PyG's loader: ``python -m benchmarks.sampling``.

A random graph with the nodes and edges of ogbn-arxiv and degrees that fall off as a power. The
peer is PyG's ``NeighborLoader`` with torch-sparse in it, which is skipped where it is not installed
(pyg-lib is on no index). Milliseconds for a batch, the median over batches of epochs in which both
take turns: sampling alone, and with features of 128 channels gathered. Writes ``sampling.json`` and
``sampling.md``.

``--size products-quarter`` measures the samplers alone, on the twin of a quarter of ogbn-products:
ours on one thread and on two beside torch-sparse's, which has one; what the other size has written
stays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import torch
import torch_geometric.typing
from torch_geometric import loader as pyg
from torch_geometric import sampler as pyg_sampler
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from graphpoly.data.twins import node_twin
from graphpoly.loader import NeighborLoader, NeighborSampler

RESULTS = Path(__file__).parent / "results"
NODES, EDGES, CHANNELS, SEEDS = 169_343, 1_166_243, 128, 1024
SAMPLERS, QUARTER = "products-quarter", 4
ONE_THREAD, TWO_THREADS = 3, 1.7  # how much faster we are to be: than torch-sparse, than on one
HOPS = ([15, 10, 5], [10, 10], [25])
CASES: dict[str, dict[str, Any]] = {
    "uniform": {},
    "with replacement": {"replace": True},
    "induced": {"subgraph_type": "induced"},
    "weighted": {"weight_attr": "share"},
    "disjoint": {"disjoint": True},
}


def graph() -> Data:
    """Sources anywhere, targets with probability proportional to a power of their rank."""
    generator = torch.Generator().manual_seed(0)
    rank = torch.rand(EDGES, generator=generator, dtype=torch.float64) ** 3
    target = (rank * NODES).long()[torch.randperm(EDGES, generator=generator)]
    source = torch.randint(NODES, (EDGES,), generator=generator)
    return Data(
        x=torch.randn(NODES, CHANNELS, generator=generator),
        edge_index=torch.stack([source, target]),
        share=torch.rand(EDGES, generator=generator),
    )


def run(loader: Any, batches: int, *, whole: bool) -> list[float]:
    """Seconds of each of the first batches."""
    torch.manual_seed(0)
    order, found = torch.randperm(NODES).split(SEEDS)[:batches], []
    for index in order:
        begin = time.perf_counter()
        out = loader.collate_fn(index)
        if whole:
            loader.filter_fn(out)
        found.append(time.perf_counter() - begin)
    return found


def compare(data: Data, hops: list[int], case: str, batches: int) -> dict[str, Any]:
    """One row: ours and PyG's."""
    options: dict[str, Any] = {**CASES[case], "num_neighbors": hops, "batch_size": SEEDS}
    # with features, `filter_fn` runs in the main process, so that sampling can be timed alone
    options["filter_per_worker"] = False
    loaders = {"graphpoly": NeighborLoader(data, **options)}
    if torch_geometric.typing.WITH_TORCH_SPARSE and case not in ("weighted", "disjoint"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaders["PyG"] = pyg.NeighborLoader(data, **options)
    row: dict[str, Any] = {"hops": hops, "case": case}
    for what, whole in (("sampling", False), ("with features", True)):
        seconds: dict[str, list[float]] = {name: [] for name in loaders}
        for _ in range(2):
            for name, loader in loaders.items():
                seconds[name] += run(loader, batches, whole=whole)[2:]  # the first ones warm up
        for name, found in seconds.items():
            row[f"{name}, {what}"] = 1e3 * statistics.median(found)
    return row


def measure_samplers(batches: int) -> dict[str, Any]:
    """Milliseconds of each sampler on a quarter of ogbn-products' twin, all taking turns."""
    ((data,), _) = node_twin("ogbn-products", part=QUARTER, features=False)
    ours, contestants = NeighborSampler(data, HOPS[0]), {}
    for threads in (1, 2):
        contestants[f"graphpoly, {threads} thread{'s'[: threads - 1]}"] = (ours, threads)
    if torch_geometric.typing.WITH_TORCH_SPARSE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = pyg_sampler.NeighborSampler(data, HOPS[0])
        contestants["torch-sparse, 1 thread"] = (theirs, 1)
    order = torch.randperm(data.num_nodes, generator=torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    before, reached = torch.get_num_threads(), 0
    for seeds in order.split(SEEDS)[:batches]:
        asked = pyg_sampler.NodeSamplerInput(None, seeds)
        for name, (sampler, threads) in contestants.items():
            torch.set_num_threads(threads)
            begin = time.perf_counter()
            out = sampler.sample_from_nodes(asked)
            seconds[name].append(time.perf_counter() - begin)
            reached = max(reached, out.row.numel())
    torch.set_num_threads(before)
    return {
        "machine": describe_machine(),
        "graph": {"nodes": data.num_nodes, "edges": data.num_edges},
        "edges of a batch": reached,
        "milliseconds": {
            name: 1e3 * statistics.median(found[2:]) for name, found in seconds.items()
        },
    }


def page_of_samplers(found: dict[str, Any]) -> list[str]:
    """The table of the larger graph, and whether it holds what was asked of it."""
    times, machine = found["milliseconds"], found["machine"]
    one, two = times["graphpoly, 1 thread"], times["graphpoly, 2 threads"]
    lines = [
        "",
        "## A quarter of ogbn-products",
        "",
        f"Its twin: {found['graph']['nodes']:,} nodes, {found['graph']['edges']:,} edges.",
        f"{HOPS[0]} neighbours, {SEEDS:,} seeds, up to {found['edges of a batch']:,} edges a",
        f"batch. The samplers alone, load {machine['load_average']}, {machine['commit'][:7]}.",
        "",
        "| sampler | ms a batch | x |",
        "|---|---:|---:|",
        *(f"| {name} | {time:.2f} | {one / time:.2f} |" for name, time in times.items()),
        "",
        f"- Two threads are {one / two:.2f} times as fast as one; {TWO_THREADS} are asked for.",
    ]
    if "torch-sparse, 1 thread" in times:
        gain = times["torch-sparse, 1 thread"] / one
        lines.append(f"- On one thread {gain:.1f} times as fast; {ONE_THREAD} are asked for.")
    return lines


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--size", choices=("arxiv", SAMPLERS), default="arxiv")
    given = parser.parse_args()
    stored = RESULTS / "sampling.json"
    found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    if given.size == SAMPLERS:
        found[SAMPLERS] = measure_samplers(given.batches)
    else:
        data = graph()
        found["rows"] = [
            compare(data, hops, case, given.batches) for hops in HOPS for case in CASES
        ]
        found["threads"] = torch.get_num_threads()
        found["torch-sparse"] = torch_geometric.typing.WITH_TORCH_SPARSE
        found["machine"] = describe_machine()
    text = page(found)
    stored.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "sampling.md").write_text(text, encoding="utf-8")
    print(text)


def page(found: dict[str, Any]) -> str:
    """Return the tables of what was measured."""
    threads, peer = found.get("threads"), found.get("torch-sparse")
    lines = [
        "# Sampled neighbourhoods",
        "",
        f"{NODES:,} nodes, {EDGES:,} edges, {SEEDS:,} seeds a batch, {threads} threads. PyG's",
        "loader runs on torch-sparse" + ("." if peer else ", which was not installed."),
        "Milliseconds for a batch: sampling, then with features gathered.",
        "",
        "| neighbours | case | graphpoly | PyG | x | graphpoly | PyG | x |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found.get("rows", ()):
        cells = []
        for what in ("sampling", "with features"):
            ours, theirs = row[f"graphpoly, {what}"], row.get(f"PyG, {what}")
            cells += [f"{ours:.2f}"]
            cells += ["", ""] if theirs is None else [f"{theirs:.2f}", f"{theirs / ours:.1f}"]
        lines.append(f"| {row['hops']} | {row['case']} | {' | '.join(cells)} |")
    if SAMPLERS in found:
        lines += page_of_samplers(found[SAMPLERS])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
