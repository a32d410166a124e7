"""Batches of packed graphs beside PyG's DataLoader: ``python -m benchmarks.loader``.

Molecules as ogbg-molhiv has them, where it lies under the root of the datasets, or generated ones
of the same shape. Milliseconds for a batch, an epoch over all graphs divided by its batches, the
median of several epochs in which both loaders take turns; one thread. Then epochs of training with
everything counted, of GIN with five layers of 64 channels, the sum over each graph, and Adam:
PyG's loader and network beside packed graphs and the network after ``graphpoly.accelerate``; all
threads. Writes ``loader.json`` and ``loader.md``.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GIN, global_add_pool

from benchmarks.measure import describe_machine
from benchmarks.report import processor
from graphpoly.acceleration import accelerate
from graphpoly.data import DatasetError, load_ogb_graph
from graphpoly.loader import PackedDataset, PackedLoader

RESULTS = Path(__file__).parent / "results"
GRAPHS, SIZES = 8192, (1, 32, 128, 256, 512)
CONTESTANTS = ("graphpoly", "graphpoly, fused", "PyG", "PyG, fused")


def molecules(root: Path | None) -> tuple[str, list[Data]]:
    """Real graphs where they are at hand, in random order, else generated ones."""
    generator = torch.Generator().manual_seed(0)
    try:
        graphs, _ = load_ogb_graph("ogbg-molhiv", root)
        chosen = torch.randperm(len(graphs), generator=generator)[:GRAPHS].tolist()
        return "ogbg-molhiv", [graphs[i] for i in chosen]
    except (DatasetError, ImportError):
        return "generated", [_molecule(generator) for _ in range(GRAPHS)]


def _molecule(generator: torch.Generator) -> Data:
    size = int(torch.randint(10, 42, (), generator=generator))
    parent = torch.cat(
        [torch.randint(max(0, v - 3), v, (1,), generator=generator) for v in range(1, size)]
    )
    pairs = torch.stack([torch.arange(1, size), parent])
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    return Data(
        x=torch.randint(9, (size, 9), generator=generator),
        edge_index=edges,
        edge_attr=torch.randint(3, (edges.size(1), 3), generator=generator),
        y=torch.zeros(1, 1, dtype=torch.int64),
    )


def epoch(loader: Any) -> float:
    """Seconds of an epoch in which nothing is done."""
    begin = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - begin


def compare(
    graphs: Sequence[Data], packed: PackedDataset, size: int, rounds: int
) -> dict[str, Any]:
    """One row: both loaders at one size of batches."""
    few = max(64 * size, 2048) if size > 1 else 512  # graphs of an epoch
    own = PackedDataset(graphs[:few]) if few < len(graphs) else packed
    loaders = {
        "graphpoly": PackedLoader(own, size, shuffle=True),
        "PyG": DataLoader(graphs[:few], size, shuffle=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loaders}
    for turn in range(rounds + 1):
        for name, loader in loaders.items():
            took = epoch(loader)
            if turn:  # the first one warms up
                seconds[name].append(took / len(loader))
    ours, theirs = (statistics.median(seconds[name]) for name in ("graphpoly", "PyG"))
    return {"batch": size, "graphpoly ms": 1e3 * ours, "PyG ms": 1e3 * theirs, "x": theirs / ours}


def trained(
    graphs: Sequence[Data], packed: PackedDataset, size: int, rounds: int
) -> dict[str, Any]:
    """One row: an epoch of training, loading and all."""
    torch.manual_seed(0)
    plain = GIN(graphs[0].num_features, 64, 5, out_channels=64)
    networks = {name: copy.deepcopy(plain) for name in CONTESTANTS}
    optimizers = {
        name: torch.optim.Adam(network.parameters(), fused=name == "PyG, fused" or None)
        for name, network in networks.items()
    }
    loaders: dict[str, Any] = {}
    for name, network in networks.items():
        if name.startswith("graphpoly"):
            accelerate(network, *[optimizers[name]] if name.endswith("fused") else [])
            loaders[name] = PackedLoader(packed, size, shuffle=True)
        else:
            loaders[name] = DataLoader(graphs, size, shuffle=True)
    seconds: dict[str, list[float]] = {name: [] for name in loaders}
    for turn in range(rounds + 1):
        for name, loader in loaders.items():
            begin = time.perf_counter()
            for batch in loader:
                optimizers[name].zero_grad()
                out = networks[name](batch.x.float(), batch.edge_index)
                out = global_add_pool(out, batch.batch, batch.num_graphs)
                out.mean(1).sub(batch.y.float().squeeze(1)).square().mean().backward()
                optimizers[name].step()
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return {"batch": size, **{name: statistics.median(each) for name, each in seconds.items()}}


def page(found: dict[str, Any]) -> str:
    """Return both tables."""
    machine = found["machine"]
    lines = [
        "# Loading batches of graphs",
        "",
        f"{found['graphs']}, {found['count']:,} graphs; packing them took "
        f"{found['packing seconds']:.2f} s, once.",
        "",
        f"- {processor(machine)}; {machine['date']}, commit {machine['commit']}, torch "
        f"{machine['versions']['torch']}",
        "",
        "| graphs in a batch | graphpoly ms | PyG DataLoader ms | x |",
        "|---:|---:|---:|---:|",
        *(
            f"| {row['batch']} | {row['graphpoly ms']:.3f} | {row['PyG ms']:.3f} | {row['x']:.1f} |"
            for row in found["rows"]
        ),
        "",
        f"Epochs of training, everything counted, {found['threads']} threads.",
        "",
        "Seconds, and how many times as long PyG's loader and network take with Adam as it comes;",
        "*fused* is Adam with `fused=True`; ours, what `accelerate(model, optimizer)` makes of it.",
        "",
        f"| graphs in a batch | {' | x | '.join(CONTESTANTS)} | x |",
        "|---:|" + "---:|---:|" * len(CONTESTANTS),
        *(
            f"| {row['batch']} | "
            + " | ".join(f"{row[name]:.3f} | {row['PyG'] / row[name]:.2f}" for name in CONTESTANTS)
            + " |"
            for row in found["epochs"]
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    source, graphs = molecules(given.root)
    begin = time.perf_counter()
    packed = PackedDataset(graphs)
    packing = time.perf_counter() - begin
    rows = [compare(graphs, packed, size, given.rounds) for size in SIZES]
    torch.set_num_threads(threads)
    epochs = [trained(graphs, packed, size, 5) for size in (32, 256)]
    found = {
        "machine": describe_machine(),
        "threads": threads,
        "graphs": source,
        "count": len(graphs),
        "packing seconds": packing,
        "rows": rows,
        "epochs": epochs,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "loader.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (given.out / "loader.md").write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    main()
