"""What two of LiGNN's ideas bring on graphs that are at hand: ``python -m benchmarks.lignn``.

GraphSAGE of three layers is trained on batches of sampled neighbourhoods and scored on the whole
graph after the last epoch, with its own numbers of neighbours from the start, with few of them
throughout, with numbers that grow from few (:class:`graphpoly.loader.FanoutSchedule`), with the
seeds of a batch from neighbouring parts of the graph (:func:`graphpoly.loader.partition`), and with
both. The ways take turns, seed by seed, each with the same divisions and first weights. Seconds are
those that the processor spends on the training, sampling included; those of METIS are not. Writes
``lignn.json`` and ``lignn.md``. Takes minutes on one thread, ``OMP_NUM_THREADS=1``.

Borisyuk et al., "LiGNN: Graph Neural Networks at LinkedIn", KDD 2024 (arXiv 2402.11139).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import GraphSAGE

from benchmarks.measure import describe_machine
from graphpoly.data import find_dataset
from graphpoly.loader import FanoutSchedule, NeighborLoader, partition
from graphpoly.training.metrics import METRICS

RESULTS = Path(__file__).parent / "results"
DATASETS = ("tolokers", "photo")
HOPS, FEW = [15, 10, 5], [3, 2, 1]
BATCH, CHANNELS, LR, DROPOUT, PARTS = 512, 64, 3e-3, 0.2, 100
# its numbers of neighbours, whether they grow to those of the first way, whether seeds are grouped
WAYS: dict[str, tuple[list[int], bool, bool]] = {
    "all from the start": (HOPS, False, False),
    "few throughout": (FEW, False, False),
    "growing": (FEW, True, False),
    "grouped": (HOPS, False, True),
    "growing and grouped": (FEW, True, True),
}


class Grouped:
    """Batches of seeds, part by part, the parts in a new order in each epoch."""

    def __init__(self, part: Tensor) -> None:
        self.part = part

    def __len__(self) -> int:
        return -(-len(self.part) // BATCH)

    def __iter__(self) -> Iterator[list[int]]:
        rank = torch.randperm(PARTS)[self.part] + torch.rand(len(self.part))
        for batch in rank.argsort().split(BATCH):
            yield batch.tolist()


def train(name: str, way: str, seed: int, epochs: int, part: Tensor) -> dict[str, float]:
    """One run: seconds, the mean size of a batch, and the score of the last epoch."""
    entry = find_dataset(name)
    loaded = entry.load(None, entry.reading, 0)
    data: Any = loaded.data
    split = loaded.split(entry.splits[0], seed)
    hops, grows, groups = WAYS[way]
    seeds = split.train_mask.nonzero().view(-1)
    options: dict[str, Any] = {"batch_size": BATCH, "shuffle": True}
    if groups:
        options = {"batch_sampler": Grouped(part[seeds])}
    loader = NeighborLoader(data, HOPS if grows else hops, input_nodes=seeds, **options)
    schedule = FanoutSchedule(loader, hops, epochs - 1) if grows else None
    torch.manual_seed(seed)
    net = GraphSAGE(
        loaded.num_features,
        CHANNELS,
        num_layers=len(HOPS),
        out_channels=int(data.y.max()) + 1,
        dropout=DROPOUT,
        norm="LayerNorm",
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    nodes, edges = [], []
    begin = time.process_time()
    for epoch in range(epochs):
        if schedule is not None:
            schedule.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            out = net(batch.x, batch.edge_index)[: len(batch.input_id)]
            F.cross_entropy(out, batch.y[: len(out)]).backward()
            optimizer.step()
            nodes.append(batch.num_nodes)
            edges.append(batch.num_edges)
    seconds = time.process_time() - begin
    net.eval()
    with torch.no_grad():
        out = net(data.x, data.edge_index)
    scores = out[:, 1:] - out[:, :1] if entry.metric == "rocauc" else out
    test = split.test_mask
    return {
        "seconds": seconds,
        "nodes": statistics.mean(nodes),
        "edges": statistics.mean(edges),
        "test": METRICS[entry.metric].function(data.y[test], scores[test]),
    }


def study(name: str, seeds: int, epochs: int) -> dict[str, Any]:
    """All ways on one dataset, taking turns."""
    entry = find_dataset(name)
    data: Any = entry.load(None, entry.reading, 0).data
    part = partition(data.edge_index, PARTS, data.num_nodes)
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        for way, found in runs.items():
            found.append(train(name, way, seed, epochs, part))
        print(name, seed, {way: found[-1] for way, found in runs.items()}, flush=True)
    return {
        "dataset": name,
        "metric": entry.metric,
        "nodes": data.num_nodes,
        "edges": data.num_edges,
        "epochs": epochs,
        "runs": runs,
        "machine": describe_machine(),
    }


def page(results: list[dict[str, Any]]) -> str:
    """Return the tables."""
    lines = [
        "# Two ideas of LiGNN, measured",
        "",
        "Made by `python -m benchmarks.lignn`; its head says what is measured.",
        f"{HOPS} neighbours, or {FEW} where there are few; {BATCH} seeds a batch, {PARTS} parts.",
        "Medians of the seconds; means of the rest, with the deviation over seeds of the score.",
        "",
        'Of its other ideas, `NeighborSampler(temporal_strategy="last")` draws the latest',
        "neighbours, `num_workers` has processes share memory as PyG's do, and",
        "`graphpoly.rewiring.DIGL` makes edges by personalised PageRank. Edges to the nearest in",
        "content and local gradients are not here.",
    ]
    for found in results:
        machine = found["machine"]
        first = statistics.median(run["seconds"] for run in next(iter(found["runs"].values())))
        lines += [
            "",
            f"## {found['dataset']}",
            "",
            f"{found['nodes']:,} nodes, {found['edges']:,} edges; {found['epochs']} epochs, "
            f"{len(next(iter(found['runs'].values())))} seeds; {machine['threads']} threads, load "
            f"{machine['load_average']}, {machine['commit'][:7]}.",
            "",
            f"| neighbours, batches | s | x | nodes a batch | edges a batch | {found['metric']} |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for way, runs in found["runs"].items():
            seconds = statistics.median(run["seconds"] for run in runs)
            nodes, edges = (statistics.mean(run[key] for run in runs) for key in ("nodes", "edges"))
            scores = [run["test"] for run in runs]
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            lines.append(
                f"| {way} | {seconds:.1f} | {first / seconds:.2f} | {nodes:,.0f} | {edges:,.0f} "
                f"| {statistics.mean(scores):.4f} ± {spread:.4f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    found = [study(name, given.seeds, given.epochs) for name in DATASETS]
    text = page(found)
    (RESULTS / "lignn.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "lignn.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
