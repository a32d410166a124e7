"""One graph of ogbn-arxiv's size in parts: ``python -m benchmarks.halo``.

The generated twin of ogbn-arxiv, its edges both ways. A network of one linear map, a filter of
order 10 over 64 channels and another map takes gradient steps on the whole graph in one process,
and over the nodes of 2 and 4 processes (gloo on this machine, one thread each), divided by METIS
and at random. Of each: the largest difference of a gradient from that of one process, relative to
its largest entry; the bytes of features that a step has sent, counted where they are sent, against
the sum of the halos, counted from the edges; and how far the memory of a process grew in a step,
where glibc gives back large blocks that are freed (``MALLOC_MMAP_THRESHOLD_``). Writes
``halo.json`` and ``halo.md``. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import PeakMemory, describe_machine, resident
from graphpoly.bases import chebyshev
from graphpoly.data.twins import node_twin
from graphpoly.distributed import PartitionedGraph, backward
from graphpoly.loader import partition
from graphpoly.ops import normalize, polynomial

RESULTS = Path(__file__).parent / "results"
ORDER, CHANNELS, CLASSES, STEPS = 10, 64, 40, 2
DTYPES = {"float32": torch.float32, "float64": torch.float64}
BLOCK = 2**20  # bytes; larger ones glibc gives back when they are freed
METHODS = {"float32": ("metis", "random"), "float64": ("metis",)}


class Filter(nn.Module):
    """Map, filter, map; the products are those of the graph that comes in."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(in_channels, CHANNELS)
        self.theta = nn.Parameter(torch.ones(ORDER + 1, CHANNELS) / (ORDER + 1))
        self.last = nn.Linear(CHANNELS, CLASSES)

    def forward(self, x: Tensor, graph: Any) -> Tensor:
        steps = chebyshev(ORDER).to(x.dtype).view(3, ORDER, 1)
        return self.last(polynomial(graph, self.first(x), self.theta, steps))


def draw(folder: Path) -> dict[str, Any]:
    """Write the twin, and the parts of its nodes; return its counts and the halos of the parts."""
    graphs, index = node_twin("ogbn-arxiv")
    data = graphs[0]
    edges = torch.cat([data.edge_index, data.edge_index.flip(0)], 1).unique(dim=1)
    nodes = data.num_nodes
    labels = torch.full((nodes,), -1).scatter(0, index["train"], data.y.view(-1)[index["train"]])
    torch.save({"x": data.x, "edges": edges, "y": labels}, folder / "graph.pt")
    halos = {}
    for method in METHODS["float32"]:
        for processes in (2, 4):
            began = time.perf_counter()
            parts = partition(edges, processes, nodes, method=method)
            seconds = time.perf_counter() - began
            torch.save(parts, folder / f"{method}{processes}.pt")
            source, reader = edges[0], parts[edges[1]]
            outside = parts[source] != reader
            read = (source * processes + reader)[outside].unique().numel()
            halos[f"{method}{processes}"] = {"rows": read, "seconds": round(seconds, 2)}
    return {"nodes": nodes, "entries": edges.size(1), "halos": halos}


def work(
    folder: Path, method: str, rank: int, processes: int, dtype: torch.dtype
) -> dict[str, Any]:
    """Take the steps of one process, and return what was measured."""
    torch.set_num_threads(1)
    held = torch.load(folder / "graph.pt", weights_only=True, mmap=True)
    adj = normalize(held["edges"], num_nodes=len(held["y"]), dtype=dtype)
    sent, exchange = [0], dist.all_to_all_single

    def counted(out: Tensor, given: Tensor, received: list[int], leaving: list[int]) -> None:
        away = sum(leaving) - leaving[rank]
        sent[0] += away * given[:1].numel() * given.element_size()
        exchange(out, given, received, leaving)

    graph: Any = adj
    x, y = held["x"], held["y"]
    if processes > 1:
        store = (folder / f"{method}{processes}{dtype}").as_uri()
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=processes)
        graph = PartitionedGraph(
            adj, torch.load(folder / f"{method}{processes}.pt", weights_only=True)
        )
        x, y = graph.cut(x), graph.cut(y)
    x = x.to(dtype, copy=True)
    del adj, held
    model = Filter(x.size(1)).to(dtype)
    terms, seconds, grown, most = int((y >= 0).sum()), [], [], []
    for _ in range(STEPS):
        model.zero_grad()
        sent[0], peak, began = 0, PeakMemory(), time.perf_counter()
        with mock.patch.object(dist, "all_to_all_single", counted):
            loss = F.cross_entropy(model(x, graph), y, reduction="sum", ignore_index=-1)
            backward(loss / max(terms, 1), terms, model)
        seconds.append(time.perf_counter() - began)
        grown.append(peak.read() or 0)
        most.append(resident("VmHWM"))
    grads = {name: value.grad for name, value in model.named_parameters()}
    if rank == 0:
        torch.save(grads, folder / f"grads {method} {processes} {dtype}.pt")
    if processes > 1:
        dist.destroy_process_group()
    return {
        "nodes": len(y),
        "sent": sent[0],
        "grown": max(grown),
        "held": max(most),
        "seconds": min(seconds),
    }


def together(folder: Path, method: str, processes: int, name: str) -> dict[str, Any]:
    """Return the row of some processes."""
    command = [sys.executable, "-m", "benchmarks.halo", "--folder", str(folder)]
    command += ["--method", method, "--processes", str(processes), "--dtype", name]
    children = [
        subprocess.Popen(
            [*command, "--rank", str(rank)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(BLOCK)},
        )
        for rank in range(processes)
    ]
    said = [child.communicate(timeout=300)[0] for child in children]
    if any(child.returncode for child in children):
        raise RuntimeError(f"{method}, {processes} processes: one has failed")
    found = [json.loads(each.splitlines()[-1]) for each in said]
    return {
        "processes": processes,
        "parts": method,
        "dtype": name,
        "nodes": [each["nodes"] for each in found],
        "sent": sum(each["sent"] for each in found),
        "grown_bytes": [each["grown"] for each in found],
        "held_bytes": [each["held"] for each in found],
        "seconds": max(each["seconds"] for each in found),
    }


def difference(folder: Path, method: str, processes: int, dtype: torch.dtype) -> float:
    """Largest difference of a gradient from that of one process, relative to its largest entry."""
    files = [f"grads {method} {processes} {dtype}.pt", f"grads one 1 {dtype}.pt"]
    found, truth = (torch.load(folder / name, weights_only=True) for name in files)
    return max(
        float((found[name] - true).abs().max() / true.abs().max()) for name, true in truth.items()
    )


def page(results: dict[str, Any]) -> str:
    """Return the tables."""
    machine, rows = results["machine"], results["rows"]
    lines = [
        "# One graph over several processes",
        "",
        "Made by `python -m benchmarks.halo`; its head says what is measured. The twin of",
        f"ogbn-arxiv, {results['nodes']:,} nodes and {results['entries']:,} entries; a filter of",
        f"order {ORDER} over {CHANNELS} channels. {machine['cpus']} processors, load",
        f"{machine['load_average']} at the end, commit {machine['commit'][:7]}.",
        "",
        "A step sends the halos once for each order, and again for the gradient: the least is",
        f"{2 * ORDER} times the rows of all halos times {CHANNELS} numbers. Gradients of",
        "parameters come on top. Memory is that of the process that takes most: how far it grew",
        "within a step, and all that it held then, libraries included; glibc gave back what was",
        f"freed (`MALLOC_MMAP_THRESHOLD_={BLOCK}`). Of seconds the fastest step counts; all",
        "processes share the processors. The communities of a twin are weak, and a part of it has",
        "a large halo: what METIS gains on the original is not said.",
        "",
        "| processes | parts | numbers | nodes of a part | gradient off by | MB sent "
        "| sent / least | MiB for a step | MiB in all | s a step |",
        "|---:|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        few, many = min(row["nodes"]), max(row["nodes"])
        size = f"{few:,}" if few == many else f"{few:,} to {many:,}"
        off = "-" if row["processes"] == 1 else f"{row['difference']:.1e}"
        ratio = "-" if row["processes"] == 1 else f"{row['sent'] / row['least']:.3f}"
        lines.append(
            f"| {row['processes']} | {row['parts']} | {row['dtype']} | {size} | {off} "
            f"| {row['sent'] / 1e6:,.0f} | {ratio} | {max(row['grown_bytes']) / 2**20:.0f} "
            f"| {max(row['held_bytes']) / 2**20:.0f} | {row['seconds']:.2f} |"
        )
    lines += ["", "| parts | processes | rows of all halos | s to divide |", "|---|---:|---:|---:|"]
    for name, halo in results["halos"].items():
        lines.append(f"| {name[:-1]} | {name[-1]} | {halo['rows']:,} | {halo['seconds']:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write both files; or, told a rank, be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("folder", "method", "dtype"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    for name in ("rank", "processes"):
        parser.add_argument(f"--{name}", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rank is not None:
        task = Path(given.folder), given.method, given.rank, given.processes, DTYPES[given.dtype]
        print(json.dumps(work(*task)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        results: dict[str, Any] = {**draw(folder), "rows": []}
        for name, dtype in DTYPES.items():
            results["rows"].append(together(folder, "one", 1, name))
            for method in METHODS[name]:
                for processes in (2, 4):
                    row = together(folder, method, processes, name)
                    rows = results["halos"][f"{method}{processes}"]["rows"]
                    row["least"] = 2 * ORDER * rows * CHANNELS * dtype.itemsize
                    row["difference"] = difference(folder, method, processes, dtype)
                    results["rows"].append(row)
                    print(json.dumps(row), flush=True)
    results["machine"] = describe_machine()
    written = json.dumps(results, indent=2) + "\n"
    (RESULTS / "halo.json").write_text(written, encoding="utf-8")
    (RESULTS / "halo.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
