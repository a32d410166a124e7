"""Sampled neighbourhoods beside PyG's loader: ``python -m benchmarks.sampling``.

A random graph with the nodes and edges of ogbn-arxiv and degrees that fall off as a power. The
peer is PyG's ``NeighborLoader`` with torch-sparse in it, which is skipped where it is not installed
(pyg-lib is on no index). Milliseconds for a batch, the median over batches of epochs in which both
take turns: sampling alone, and with features of 128 channels gathered. Writes ``sampling.json`` and
``sampling.md``.
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
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from graphpoly.loader import NeighborLoader

RESULTS = Path(__file__).parent / "results"
NODES, EDGES, CHANNELS, SEEDS = 169_343, 1_166_243, 128, 1024
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


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=30)
    given = parser.parse_args()
    data = graph()
    rows = [compare(data, hops, case, given.batches) for hops in HOPS for case in CASES]
    threads, peer = torch.get_num_threads(), torch_geometric.typing.WITH_TORCH_SPARSE
    machine = describe_machine()
    found = {"machine": machine, "threads": threads, "torch-sparse": peer, "rows": rows}
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
    for row in rows:
        cells = []
        for what in ("sampling", "with features"):
            ours, theirs = row[f"graphpoly, {what}"], row.get(f"PyG, {what}")
            cells += [f"{ours:.2f}"]
            cells += ["", ""] if theirs is None else [f"{theirs:.2f}", f"{theirs / ours:.1f}"]
        lines.append(f"| {row['hops']} | {row['case']} | {' | '.join(cells)} |")
    page = "\n".join(lines) + "\n"
    (RESULTS / "sampling.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "sampling.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
