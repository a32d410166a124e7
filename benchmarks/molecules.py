"""Training steps on batches of molecules beside PyG's: ``python -m benchmarks.molecules``.

Five layers of 64 channels, the sum over each graph, a linear map, Adam; a fresh ``edge_index`` at
each step, as a loader gives it. Contestants are PyG's models as they are, with Adam as it comes and
with ``fused=True``, compiled with ``--compiled`` (minutes more), and after
``graphpoly.accelerate(model, optimizer)``; *model alone* leaves out the optimiser. The floor is the
same step in which nothing is sent along edges: linear maps, scores of attention, norms,
activations, the loss, the backward pass and the fused optimiser, which no sparse operator can make
faster; it runs on PyTorch's dense kernels, so that ours may fall below it. Medians of steps in
which all take turns.
Writes ``molecules.json`` and ``molecules.md``; with ``--device cuda``, where eight steps are timed
together, ``gpu-molecules.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import GAT, GCN, GIN, GraphSAGE, global_add_pool

import graphpoly
from benchmarks.loader import molecules
from benchmarks.measure import describe_machine
from benchmarks.report import processor
from graphpoly import ops

RESULTS = Path(__file__).parent / "results"
SIZES, CHANNELS, LAYERS = (32, 128, 512), 64, 5
OURS = ("graphpoly", "model alone")
NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "GIN": lambda channels: GIN(channels, CHANNELS, LAYERS),
    "GCN": lambda channels: GCN(channels, CHANNELS, LAYERS),
    "SAGE": lambda channels: GraphSAGE(channels, CHANNELS, LAYERS),
    "GAT": lambda channels: GAT(channels, CHANNELS, LAYERS, heads=4),
}


class Network(nn.Module):
    """Layers, the sum over each graph, a linear map."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.lin = layers, nn.Linear(CHANNELS, 1)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, size: int) -> Tensor:
        """Return a number for each graph."""
        return self.lin(global_add_pool(self.layers(x, edge_index), batch, size))


def floor(network: Network) -> Network:
    """The network in which nothing is sent along edges; a node adds its scores to itself."""

    def stay(edge_index: Any, *, x: Any, alpha: Any = None, **rest: Any) -> Tensor:
        own: Tensor = x[0] if isinstance(x, tuple) else x
        return own if alpha is None else own + sum(alpha).unsqueeze(-1)

    for layer in network.layers.convs:
        layer.propagate = stay
        layer.edge_updater = lambda edge_index, *, alpha, **rest: alpha
        layer.normalize = layer.add_self_loops = False
    return network


class Step:
    """One step after the other over the same batches."""

    def __init__(self, network: nn.Module, batches: list[Batch], fused: bool = False) -> None:
        self.network, self.batches, self.place = network, batches, 0
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=fused or None)

    def turn(self, steps: int = 8) -> list[float]:
        """Return the seconds of steps; those of a GPU have their mean, since it runs behind."""
        if not self.batches[0].x.is_cuda:
            return [self() for _ in range(steps)]
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            self()
        torch.cuda.synchronize()
        return [(time.perf_counter() - begin) / steps]

    def __call__(self) -> float:
        """Train on the next batch, and return the seconds that it took."""
        batch = self.batches[self.place % len(self.batches)]
        self.place += 1
        edge_index, groups = batch.edge_index.clone(), batch.batch.clone()
        begin = time.perf_counter()
        out = self.network(batch.x, edge_index, groups, batch.num_graphs)
        nn.functional.mse_loss(out, batch.y).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.perf_counter() - begin


def compare(name: str, batches: list[Batch], rounds: int, *, compiled: bool) -> dict[str, Any]:
    """One row: all contestants on batches of one size."""
    torch.manual_seed(0)
    plain = Network(NETWORKS[name](batches[0].num_features)).to(batches[0].x.device)
    networks: dict[str, Any] = {kind: copy.deepcopy(plain) for kind in ("PyG", "PyG, fused", *OURS)}
    networks["floor"] = floor(copy.deepcopy(plain))
    if compiled:
        networks["compiled PyG"] = torch.compile(copy.deepcopy(plain), dynamic=True)
    steps = {
        kind: Step(network, batches, kind in ("floor", "PyG, fused"))
        for kind, network in networks.items()
    }
    graphpoly.accelerate(networks["graphpoly"], steps["graphpoly"].optimizer)
    graphpoly.accelerate(networks["model alone"])
    for step in steps.values():
        for _ in batches:
            step()  # warms up, and compiles
    seconds: dict[str, list[float]] = {kind: [] for kind in steps}
    for _ in range(rounds):
        for kind, step in steps.items():
            step()  # what the one before left in the caches
            seconds[kind] += step.turn()
    row: dict[str, Any] = {kind: 1e3 * statistics.median(each) for kind, each in seconds.items()}
    return {"network": name, "graphs": batches[0].num_graphs, **row}


def parts(batches: list[Batch], rounds: int) -> dict[str, float]:
    """What the sparse side of a step is made of, in milliseconds."""
    device = batches[0].x.device
    x = [torch.randn(batch.num_nodes, CHANNELS, device=device) for batch in batches]
    found: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        out = run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.setdefault(name, []).append(time.perf_counter() - begin)
        return out

    for _ in range(rounds):
        for batch, features in zip(batches, x, strict=True):
            edges, n = batch.edge_index.clone(), int(batch.num_nodes or 0)
            adj = timed(
                "rows and their transpose",
                lambda edges=edges, n=n: ops.to_csr(edges, num_nodes=n, transposed=True),
            )
            timed("a product", lambda adj=adj, features=features: ops.spmm(adj, features))
            groups = batch.batch.clone()
            timed("the sum over graphs", lambda g=groups, f=features: ops.pool(f, g))
    return {name: 1e3 * statistics.median(each) for name, each in found.items()}


def page(found: dict[str, Any]) -> str:
    """Return both tables."""
    rows, split, machine = found["rows"], found["parts"], found["machine"]
    peers = [peer for peer in ("PyG", "PyG, fused", "compiled PyG") if peer in rows[0]]
    lines = [
        "# Training steps on molecules",
        "",
        f"{found['graphs']}, {found['place']}; milliseconds for a step. The floor is the",
        "step in which nothing is sent along edges.",
        "",
        f"- {processor(machine)}; {machine['date']}, commit {machine['commit']}, torch "
        f"{machine['versions']['torch']}",
        "",
        f"| network | graphs | graphpoly | floor | x floor | {' | x | '.join(peers)} | x "
        "| model alone | PyG / model alone |",
        "|---|---:|---:|---:|---:|" + "---:|---:|" * (len(peers) + 1),
    ]
    for row in rows:
        ours = row["graphpoly"]
        cells = [f"{ours:.2f}", f"{row['floor']:.2f}", f"{ours / row['floor']:.2f}"]
        for peer in peers:
            cells += [f"{row[peer]:.2f}", f"{row[peer] / ours:.2f}"]
        cells += [f"{row['model alone']:.2f}", f"{row['PyG'] / row['model alone']:.2f}"]
        lines.append(f"| {row['network']} | {row['graphs']} | {' | '.join(cells)} |")
    names = list(next(iter(split.values())))
    lines += ["", f"| graphs | {' | '.join(names)} |", "|---:|" + "---:|" * len(names)]
    for size, parts in split.items():
        lines.append(f"| {size} | " + " | ".join(f"{parts[name]:.3f}" for name in names) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    cuda = given.device == "cuda"
    source, graphs = molecules(given.root)
    rows, split = [], {}
    for size in SIZES:
        some = [Batch.from_data_list(graphs[i * size : (i + 1) * size]) for i in range(8)]
        for batch in some:
            batch.x, batch.y = batch.x.float(), batch.y.float()
            batch.to(given.device)
        split[size] = parts(some, given.rounds)
        for name in NETWORKS:
            rows.append(compare(name, some, given.rounds, compiled=given.compiled))
            print(rows[-1], flush=True)
    found = {
        "machine": describe_machine(),
        "place": torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} threads",
        "graphs": source,
        "rows": rows,
        "parts": split,
    }
    # numbers of graphs are keys of text in a file
    text = json.dumps(found, indent=2)
    stem = "gpu-molecules" if cuda else "molecules"
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
    (given.out / f"{stem}.md").write_text(page(json.loads(text)), encoding="utf-8")
    print(page(json.loads(text)))


if __name__ == "__main__":
    main()
