"""Listing paths beside networkx and igraph, and PathNN beside a plain implementation of it.

    python -m benchmarks.paths --root DATA

Every contestant lists the same paths of the same graphs, as node numbers in Python's or NumPy's
hands, one graph after the other; the counts are compared first. Then a pass over all of
ogbg-molhiv, and an epoch of training beside the paper's layer written with PyTorch's LSTM and PyG's
scatter, on paths that are stored. Writes ``paths.json`` and ``paths.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import global_add_pool
from torch_geometric.utils import scatter

from benchmarks.measure import describe_machine
from graphpoly.data import load_ogb_graph, load_tu
from graphpoly.features import AddPaths, stored_paths
from graphpoly.models import PathNN
from graphpoly.ops import enumerate_paths

OURS = "graphpoly"
K = 3
SIMPLE, SHORTEST = "simple", "shortest"


def ours(graphs: list[Any], paths: str) -> int:
    total = 0
    for data in graphs:
        found = enumerate_paths(data.edge_index, K, data.num_nodes, paths=paths)
        total += sum(some.num_paths for some in found)
    return total


def by_networkx(graphs: list[nx.Graph], paths: str) -> int:
    total = 0
    for graph in graphs:
        for u in graph:
            if paths == SIMPLE:
                others = [v for v in graph if v != u]
                if others:
                    total += len(list(nx.all_simple_paths(graph, u, others, cutoff=K)))
                continue
            near = nx.single_source_shortest_path_length(graph, u, cutoff=K)
            total += sum(len(list(nx.all_shortest_paths(graph, u, v))) for v in near if v != u)
    return total


def by_igraph(graphs: list[Any], paths: str) -> int:
    total = 0
    for graph in graphs:
        for u in range(graph.vcount()):
            if paths == SIMPLE:
                total += len(graph.get_all_simple_paths(u, minlen=1, maxlen=K))
                continue
            found = graph.get_all_shortest_paths(u)
            total += sum(1 < len(path) <= K + 1 for path in found)
    return total


def contestants(graphs: list[Data], batches: list[Any]) -> dict[str, Callable[[str], int] | str]:
    """Everybody, with their own form of the graphs made ready; ours the batches of a loader."""
    pairs = [data.edge_index.t().tolist() for data in graphs]
    networks = []
    for data, some in zip(graphs, pairs, strict=True):
        network = nx.Graph(some)
        network.add_nodes_from(range(int(data.num_nodes or 0)))
        networks.append(network)
    known: dict[str, Callable[[str], int] | str] = {
        OURS: lambda paths: ours(batches, paths),
        f"{OURS}, graph by graph": lambda paths: ours(graphs, paths),
        "networkx": lambda paths: by_networkx(networks, paths),
    }
    try:
        import igraph
    except ImportError:
        return {**known, "igraph": "not installed (extra: expressivity)"}
    others = [
        igraph.Graph(
            int(data.num_nodes or 0),
            [(u, v) for u, v in some if u < v],
        )
        for data, some in zip(graphs, pairs, strict=True)
    ]
    return {**known, "igraph": lambda paths: by_igraph(others, paths)}


def forget(graphs: list[Any]) -> None:
    """Whatever is remembered of an edge_index goes with it."""
    for data in graphs:
        data.edge_index = data.edge_index.clone()


def race(name: str, graphs: list[Data], paths: str, rounds: int) -> dict[str, Any]:
    """The same paths from everybody, in turns."""
    rows: dict[str, dict[str, Any]] = {}
    batches = list(DataLoader(graphs, batch_size=128))
    running = contestants(graphs, batches)
    times: dict[str, list[float]] = {who: [] for who in running}
    for _ in range(rounds):
        for who, run in running.items():
            if isinstance(run, str):
                rows[who] = {"name": who, "ms": None, "note": run}
                continue
            forget(graphs)
            forget(batches)
            begin = time.perf_counter()
            total = run(paths)
            times[who].append(time.perf_counter() - begin)
            rows[who] = {"name": who, "paths": total, "note": ""}
    counted = {row["paths"] for row in rows.values() if "paths" in row}
    for who, taken in times.items():
        if taken:
            rows[who]["ms"] = sorted(taken)[len(taken) // 2] * 1e3
    taken_by = {who: round(row["ms"]) for who, row in rows.items() if row["ms"] is not None}
    print(f"{name}, {paths} paths: {taken_by} ms", flush=True)
    return {
        "dataset": name,
        "paths": paths,
        "K": K,
        "graphs": len(graphs),
        "agree": len(counted) == 1,
        "contestants": list(rows.values()),
    }


def whole_pass(dataset: Any) -> dict[str, Any]:
    """All of ogbg-molhiv: listed graph by graph, and in batches."""
    graphs = [dataset[i] for i in range(len(dataset))]
    found: dict[str, Any] = {"graphs": len(graphs)}
    for paths in (SIMPLE, SHORTEST):
        transform = AddPaths(K, paths=paths)
        begin = time.perf_counter()
        made = [transform(data) for data in graphs]
        found[f"transform, {paths}, s"] = time.perf_counter() - begin
        found[f"paths, {paths}"] = sum(
            some.num_paths for data in made for some in stored_paths(data) or []
        )
        batches = list(DataLoader(graphs, batch_size=128))
        begin = time.perf_counter()
        for batch in batches:
            enumerate_paths(
                batch.edge_index, K, batch.num_nodes, paths=paths, distances=paths == SIMPLE
            )
        found[f"batches of 128, {paths}, s"] = time.perf_counter() - begin
    return found


class PlainPathNN(nn.Module):
    """The same network on PyTorch's LSTM: every path from end to end, gathered and scattered."""

    def __init__(self, source: PathNN) -> None:
        super().__init__()
        self.source = source
        conv = source.conv
        width = conv.out_channels
        columns = [conv.lin_node.weight]
        columns += [conv.lin_distance.weight] if conv.distance is not None else []
        self.lstm = nn.LSTM(width * len(columns), width)
        with torch.no_grad():
            self.lstm.weight_ih_l0.copy_(torch.cat(columns, dim=1))
            self.lstm.weight_hh_l0.copy_(conv.lin_state.weight)
            self.lstm.bias_ih_l0.copy_(conv.lin_node.bias)
            self.lstm.bias_hh_l0.zero_()

    def forward(self, batch: Any) -> Tensor:
        source = self.source
        x = source.encoder(batch.x)
        for k, paths in enumerate(stored_paths(batch) or []):
            token = x[paths.node]
            if source.conv.distance is not None:
                assert paths.distance is not None
                away = source.conv.distance(paths.distance.long())
                token = torch.cat([token, away], dim=-1)
            if paths.num_paths:
                _, (state, _) = self.lstm(token)
                total = scatter(state[0], paths.node[-1], dim_size=x.size(0), reduce="sum")
                x = x + total
            x = source.updates[k](source.norms[k](x))
        x = global_add_pool(x, batch.batch)
        return source.lin2(source.lin1(x).relu())


def epoch(graphs: list[Data], paths: str, length: int, width: int, rounds: int) -> dict[str, Any]:
    """One epoch of each, in turns; their first logits are compared."""
    made = [AddPaths(length, paths=paths)(data) for data in graphs]
    features, classes = made[0].num_node_features, int(max(int(d.y) for d in made)) + 1
    torch.manual_seed(0)
    fast = PathNN(features, width, classes, length, paths=paths, readout="sum")
    plain = PlainPathNN(PathNN(features, width, classes, length, paths=paths, readout="sum"))
    plain.source.load_state_dict(fast.state_dict())
    plain = PlainPathNN(plain.source)

    def listed(batch: Any) -> Tensor:
        return fast(batch.x, batch.edge_index, None, batch.batch, batch.num_graphs)

    def stored(batch: Any) -> Tensor:
        given = (batch.x, batch.edge_index, None, batch.batch, batch.num_graphs)
        return fast(*given, paths=stored_paths(batch))

    runs: dict[str, tuple[nn.Module, Callable[[Any], Tensor], list[Data]]] = {
        OURS: (fast, listed, graphs),
        f"{OURS}, stored paths": (fast, stored, made),
        "PyTorch's LSTM, stored paths": (plain, plain, made),
    }
    with torch.no_grad():
        batch = next(iter(DataLoader(made, batch_size=32)))
        logits = [run(batch) for _, run, _ in runs.values()]
    error = max(float((one - logits[0]).abs().max()) for one in logits)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (model, run, data) in runs.items():
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            begin = time.perf_counter()
            for batch in DataLoader(data, batch_size=32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(run(batch), batch.y).backward()
                optimizer.step()
            times[name].append(time.perf_counter() - begin)
    return {
        "paths": paths,
        "K": length,
        "width": width,
        "graphs": len(graphs),
        "error": error / max(float(logits[0].abs().max()), 1e-30),
        "seconds": {name: sorted(taken)[len(taken) // 2] for name, taken in times.items()},
    }


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine = results["machine"]
    text = [
        "# Paths",
        "",
        "Made by `python -m benchmarks.paths`. Medians of runs taken in turns; x: times as long as",
        f"graphpoly. All paths of length 1 to {K}; everybody found equally many. graphpoly lists",
        "128 graphs at once, as PathNN does in training, or graph by graph as the others.",
        "igraph has no bound on the length of shortest paths: there it lists all of them.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
    ]
    for case in results["enumeration"]:
        mine = next(row for row in case["contestants"] if row["name"] == OURS)
        title = f"{case['dataset']}, {case['graphs']} graphs, {case['paths']} paths"
        text += ["", f"## {title}", "", f"{mine['paths']} paths.", ""]
        text += [
            "" if case["agree"] else "**The counts differ.**",
            "| | ms | x |",
            "|---|---:|---:|",
        ]
        text += [
            f"| {row['name']} {row['note']} | | |"
            if row["ms"] is None
            else f"| {row['name']} | {row['ms']:.3g} | {row['ms'] / mine['ms']:.1f} |"
            for row in case["contestants"]
        ]
    text += ["", "## All of ogbg-molhiv", "", "| | |", "|---|---:|"]
    text += [
        f"| {key} | {value:.3g} |" if isinstance(value, float) else f"| {key} | {value} |"
        for key, value in results["molhiv"].items()
    ]
    for case in results["epochs"]:
        title = f"An epoch on ENZYMES, {case['paths']} paths, K = {case['K']}, {case['width']} wide"
        text += ["", f"## {title}", "", "| | s | x |", "|---|---:|---:|"]
        mine_s = case["seconds"][OURS]
        text += [
            f"| {name} | {seconds:.3g} | {seconds / mine_s:.2f} |"
            for name, seconds in case["seconds"].items()
        ]
        text += ["", f"Largest deviation of the first logits: {case['error']:.0e}."]
    return "\n".join(text) + "\n"


def cases(enzymes: list[Data], molecules: list[Data], rounds: int) -> Iterator[dict[str, Any]]:
    for paths in (SIMPLE, SHORTEST):
        yield race("ENZYMES", enzymes, paths, rounds)
        yield race("ogbg-molhiv", molecules, paths, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--molecules", type=int, default=2000, help="of ogbg-molhiv in the race")
    options = parser.parse_args()
    machine = describe_machine()
    enzymes = load_tu("ENZYMES", options.root)
    dataset, _ = load_ogb_graph("ogbg-molhiv", options.root)
    step = max(len(dataset) // options.molecules, 1)
    molecules = [dataset[i] for i in range(0, len(dataset), step)]
    results: dict[str, Any] = {
        "machine": machine,
        "enumeration": list(cases(enzymes, molecules, options.rounds)),
        "molhiv": whole_pass(dataset),
        "epochs": [
            epoch(enzymes, paths, length, 64, options.rounds)
            for paths, length in ((SHORTEST, 2), (SIMPLE, 2))
        ],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "paths.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "paths.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
