"""GNTK beside the published way, and on a large dataset.

python -m benchmarks.gntk [--root DATA] [--pairs N] [--blocks N] [--store FOLDER]

On MUTAG the published way, written plainly (numpy and scipy, pair by pair, the Kronecker product of
two adjacency matrices), must give the same kernel; with ``--pairs`` it computes that many of the
pairs, spread evenly. NCI1 is computed in blocks, each stored in ``--store`` once it is made: run
again, and what is there is not made anew; ``--blocks`` stops after so many. Seconds are those of
the processor, on one thread. Writes ``gntk.json`` and ``gntk.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, identity, kron
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from graphpoly.data import load_tu
from graphpoly.kernels import GNTK

RESULTS = Path(__file__).parent / "results"
LAYERS, MLP_LAYERS = 2, 2
DEPTHS = (2, 3, 4)  # of NCI1


class PairByPair:
    """The kernel of one pair at a time, as Du et al. describe it."""

    def __init__(self, graphs: list[Data]) -> None:
        self.x = [graph.x.double().numpy() for graph in graphs]
        self.adj = [self._closed(graph) for graph in graphs]
        self.variances = [self._variances(x, adj) for x, adj in zip(self.x, self.adj, strict=True)]

    def _closed(self, graph: Data) -> csr_matrix:
        row, col = graph.edge_index.numpy()[::-1]
        size = graph.num_nodes
        return csr_matrix((np.ones(len(row)), (row, col)), shape=(size, size)) + identity(size)

    def _variances(self, x: np.ndarray, adj: csr_matrix) -> list[np.ndarray]:
        sigma, block, found = x @ x.T, kron(adj, adj).tocsr(), []
        for _ in range(LAYERS):
            sigma = (block @ sigma.ravel()).reshape(sigma.shape)
            found.append(np.diag(sigma).copy())
            for _ in range(MLP_LAYERS):
                sigma, _ = self._rectify(sigma, np.sqrt(np.outer(found[-1], found[-1])))
        return found

    def _rectify(self, sigma: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c = np.clip(sigma / scale, -1, 1)
        angle = np.arccos(c)
        return scale * (c * (math.pi - angle) + np.sqrt(1 - c * c)) / math.pi, 1 - angle / math.pi

    def __call__(self, g: int, h: int) -> float:
        sigma = self.x[g] @ self.x[h].T
        shape, block = sigma.shape, kron(self.adj[g], self.adj[h]).tocsr()
        theta = sigma
        for layer in range(LAYERS):
            sigma = (block @ sigma.ravel()).reshape(shape)
            theta = (block @ theta.ravel()).reshape(shape)
            scale = np.sqrt(np.outer(self.variances[g][layer], self.variances[h][layer]))
            for _ in range(MLP_LAYERS):
                sigma, slope = self._rectify(sigma, scale)
                theta = theta * slope + sigma
        return float(theta.sum())


def beside_pairs(graphs: list[Data], pairs: int | None) -> dict[str, Any]:
    """Both ways on the same graphs, and how far they are apart."""
    begin = time.process_time()
    kernel = GNTK(LAYERS, MLP_LAYERS)(graphs)
    ours = time.process_time() - begin
    rows, columns = torch.triu_indices(len(graphs), len(graphs))
    every = rows.numel()
    chosen = range(0, every, 1 if pairs is None else max(1, every // pairs))
    begin = time.process_time()
    plain = PairByPair(graphs)
    found = [plain(int(rows[i]), int(columns[i])) for i in chosen]
    taken = time.process_time() - begin
    held = kernel[rows[chosen], columns[chosen]]
    apart = float((torch.tensor(found, dtype=torch.float64) / held - 1).abs().max())
    if apart > 1e-7:  # angles of parallel rows are roundings there
        raise SystemExit(f"the kernels differ by {apart:.1e}")
    return {
        "pairs": every,
        "pairs_plain": len(found),
        "ours_s": ours,
        "plain_s": taken,
        "apart": apart,
        "times": taken / len(found) * every / ours,
    }


def in_blocks(
    graphs: list[Data], layers: int, store: Path | None, most: int | None
) -> dict[str, Any]:
    """The kernel of many graphs, block by block; blocks in ``store`` are not made again."""
    begin = time.process_time()
    kernel = GNTK(layers, MLP_LAYERS)
    parts = kernel.unfold(graphs)
    made = time.process_time() - begin
    # a part with itself first: the others need what that remembers
    places = [(i, j) for i in range(len(parts)) for j in (i, *range(i))]
    seconds: list[float] = []
    for i, j in places:
        path = None if store is None else store / f"L{layers}-R{MLP_LAYERS}-{i}-{j}.pt"
        if path is not None and path.exists():
            seconds.append(torch.load(path)["seconds"])
            continue
        if most is not None and len(seconds) >= most:
            break
        begin = time.process_time()
        block = kernel.block(parts[i], parts[j])
        seconds.append(time.process_time() - begin)
        if path is not None:
            keep(path, {"block": block, "seconds": seconds[-1]})
    return {
        "layers": layers,
        "graphs": len(graphs),
        "unfoldings": [sum(each.sizes[-1] for each in parts), sum(len(g.x) for g in graphs)],
        "blocks": len(places),
        "blocks_made": len(seconds),
        "seconds": made + sum(seconds),
        "seconds_whole": made + sum(seconds) / len(seconds) * len(places),
    }


def keep(path: Path, value: dict[str, Tensor | float]) -> None:
    """Store what is whole under its name, and nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save(value, partial)
    os.replace(partial, path)


def page(report: dict[str, Any]) -> str:
    """The results as a page."""
    machine, mutag, nci1 = report["machine"], report["MUTAG"], report["NCI1"]
    scaled = mutag["plain_s"] / mutag["pairs_plain"] * mutag["pairs"]
    return "\n".join(
        [
            "# Graph neural tangent kernels",
            "",
            f"Made by `python -m benchmarks.gntk`: {LAYERS} blocks (or as said) of {MLP_LAYERS} "
            "perceptron layers, seconds of the processor, one thread.",
            "",
            f"- {machine['cpu']}, load {machine['load_average']} at the start",
            f"- {machine['date']}, commit {machine['commit']}, torch "
            f"{machine['versions']['torch']}, numpy {machine['versions']['numpy']}",
            "",
            "| dataset | who | kernel of | s | x |",
            "|---|---|---|---:|---:|",
            f"| MUTAG | graphpoly | {mutag['pairs']:,} pairs | {mutag['ours_s']:.2f} | 1.0 |",
            f"| MUTAG | numpy, pair by pair | {mutag['pairs_plain']:,} of them measured | "
            f"{scaled:.1f} | {mutag['times']:.0f} |",
            *(
                f"| NCI1, {each['layers']} blocks | graphpoly | {each['graphs']:,} graphs, "
                f"{each['blocks_made']} of {each['blocks']} parts of the matrix measured | "
                f"{each['seconds_whole']:.1f} | |"
                for each in nci1
            ),
            "",
            "Seconds of what was not measured are in proportion. On MUTAG the two differ by "
            f"{mutag['apart']:.0e} of a value at most. The {nci1[0]['unfoldings'][1]:,} nodes of "
            f"NCI1 have {nci1[0]['unfoldings'][0]:,} unfoldings of depth {nci1[0]['layers']}.",
            "",
        ]
    )


def main() -> None:
    """Run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--pairs", type=int, default=None, help="of MUTAG, for the plain way")
    parser.add_argument("--blocks", type=int, default=None, help="of NCI1 at most")
    parser.add_argument("--store", type=Path, default=None, help="folder for the blocks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    report: dict[str, Any] = {"machine": describe_machine()}
    report["MUTAG"] = beside_pairs(load_tu("MUTAG", arguments.root), arguments.pairs)
    print(report["MUTAG"], flush=True)
    nci1 = load_tu("NCI1", arguments.root)
    report["NCI1"] = []
    for layers in DEPTHS:
        made = in_blocks(nci1, layers, arguments.store, arguments.blocks)
        report["NCI1"].append(made)
        print(made, flush=True)
    (RESULTS / "gntk.json").write_text(json.dumps(report, indent=2) + "\n")
    (RESULTS / "gntk.md").write_text(page(report))


if __name__ == "__main__":
    main()
