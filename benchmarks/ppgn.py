"""PPGN and PPGN++ beside a plain implementation on padded tensors, an epoch of training each.

    python -m benchmarks.ppgn --root DATA

The plain one is what the papers describe: tensors [B, C, n, n] padded to the largest graph of the
batch, convolutions with kernels of size one, a mask after each perceptron. It starts from the same
weights and is given the same batches; logits and gradients are compared first. Writes ``ppgn.json``
and ``ppgn.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.utils import to_dense_adj, to_dense_batch

from benchmarks.measure import TOLERANCE, describe_machine
from graphpoly.data import load_tu
from graphpoly.models import PPGN, PPGNPlusPlus

OURS, PLAIN = "graphpoly, blocks side by side", "padded tensors"


class Padded(nn.Module):
    """The same network, on tensors padded to the largest graph of the batch."""

    def __init__(self, source: PPGN) -> None:
        super().__init__()
        self.source = source

    def forward(self, batch: Any) -> Tensor:
        source = self.source
        features, nodes = to_dense_batch(batch.x, batch.batch)
        mask = (nodes.unsqueeze(1) & nodes.unsqueeze(2)).unsqueeze(1).to(features.dtype)
        x = torch.cat(
            [
                to_dense_adj(batch.edge_index, batch.batch).unsqueeze(1),
                torch.diag_embed(features.transpose(1, 2)),
            ],
            dim=1,
        )
        eye = torch.eye(x.size(-1)).expand(x.size(0), 1, -1, -1)
        out: Any = 0
        for layer, block in enumerate(source.blocks):
            if source.identity:
                x = torch.cat([x, eye], dim=1) * mask
            seen = torch.cat([x, x.transpose(2, 3)], dim=1) if source.transposed else x
            one, other = perceptron(block.mlp1, seen) * mask, perceptron(block.mlp2, x) * mask
            x = convolved(block.skip, torch.cat([x, one @ other], dim=1)) * mask
            if isinstance(source, PPGNPlusPlus):
                continue
            out = out + source.heads[layer](maxima(x, mask))
        if isinstance(source, PPGNPlusPlus):
            out = source.lin2(source.lin1(means(x, nodes.sum(1, keepdim=True))).relu())
        return out


def convolved(lin: Any, x: Tensor) -> Tensor:
    return F.conv2d(x, lin.weight[:, :, None, None], lin.bias)


def perceptron(layers: Any, x: Tensor) -> Tensor:
    for lin in layers:
        x = convolved(lin, x).relu()
    return x


def maxima(x: Tensor, mask: Tensor) -> Tensor:
    diagonal = torch.eye(x.size(-1), dtype=torch.bool)
    hidden = x.masked_fill(mask == 0, -torch.inf)
    on = hidden.diagonal(dim1=2, dim2=3).amax(2)
    return torch.cat([on, hidden.masked_fill(diagonal, -torch.inf).amax((2, 3))], dim=1)


def means(x: Tensor, count: Tensor) -> Tensor:
    on = x.diagonal(dim1=2, dim2=3).sum(2)
    return torch.cat([on / count, (x.sum((2, 3)) - on) / (count * (count - 1))], dim=1)


def race(name: str, graphs: list[Data], cls: type[PPGN], width: int, rounds: int) -> dict[str, Any]:
    """An epoch of each, in turns."""
    classes = int(max(int(data.y) for data in graphs)) + 1
    models: dict[str, PPGN] = {}
    for who in (OURS, PLAIN):
        torch.manual_seed(0)
        models[who] = cls(graphs[0].num_node_features, width, classes)
    plain = Padded(models[PLAIN])

    def run(who: str, batch: Any) -> Tensor:
        if who == PLAIN:
            return plain(batch)
        out: Tensor = models[OURS](
            batch.x, batch.edge_index, batch=batch.batch, batch_size=batch.num_graphs
        )
        return out

    def batches() -> DataLoader:
        return DataLoader(graphs, batch_size=32, shuffle=True, generator=torch.manual_seed(1))

    first = next(iter(batches()))
    logits, gradients = [], []
    for who, model in models.items():
        out = run(who, first)
        F.cross_entropy(out, first.y).backward()
        logits.append(out.detach())
        gradients.append([p.grad for p in model.parameters()])
        model.zero_grad()
    error = float((logits[0] - logits[1]).abs().max() / logits[1].abs().max())
    scale = max(float(g.abs().max()) for g in gradients[1])
    gap = max(float((a - b).abs().max()) for a, b in zip(*gradients, strict=True)) / scale
    pairs = padded = 0
    for batch in batches():
        count = torch.bincount(batch.batch)
        pairs += int(count.square().sum())
        padded += int(count.max()) ** 2 * batch.num_graphs
    result: dict[str, Any] = {
        "dataset": name,
        "graphs": len(graphs),
        "model": cls.__name__,
        "width": width,
        "error": error,
        "gradient_error": gap,
        "padding": padded / pairs,
        "seconds": {},
    }
    if not max(error, gap) <= 10 * TOLERANCE:  # sums over all of a batch, in float32
        return {**result, "note": "different results: not timed"}
    times: dict[str, list[float]] = {who: [] for who in models}
    for _ in range(rounds):
        for who, model in models.items():
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
            begin = time.perf_counter()
            for batch in batches():
                optimizer.zero_grad()
                F.cross_entropy(run(who, batch), batch.y).backward()
                optimizer.step()
            times[who].append(time.perf_counter() - begin)
    result["seconds"] = {who: sorted(taken)[len(taken) // 2] for who, taken in times.items()}
    print(name, cls.__name__, width, result["seconds"], flush=True)
    return result


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine = results["machine"]
    text = [
        "# PPGN",
        "",
        "Made by `python -m benchmarks.ppgn`. One epoch of training in batches of 32 graphs, 3",
        "blocks, float32: medians of runs taken in turns. The plain implementation pads to the",
        "largest graph of the batch; both start from the same weights, and logits and gradients of",
        "the first batch agree (largest deviation relative to the largest value).",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| | width | graphpoly, s | padded, s | x | padded / real pairs | logits | gradients |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in results["epochs"]:
        title = f"{case['model']} on {case['dataset']}, {case['graphs']} graphs"
        errors = f"{case['error']:.0e} | {case['gradient_error']:.0e}"
        if not case["seconds"]:
            text.append(f"| {title}: {case['note']} | | | | | | {errors} |")
            continue
        mine, theirs = case["seconds"][OURS], case["seconds"][PLAIN]
        text.append(
            f"| {title} | {case['width']} | {mine:.3g} | {theirs:.3g} | {theirs / mine:.1f} | "
            f"{case['padding']:.1f} | {errors} |"
        )
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--graphs", type=int, default=200, help="at most so many of each dataset")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": describe_machine(), "epochs": []}
    for name in ("MUTAG", "ENZYMES"):
        graphs = load_tu(name, options.root)
        # no graph of one node, for which the plain mean off the diagonal divides by zero
        graphs = [data for data in graphs if int(data.num_nodes or 0) > 1]
        graphs = graphs[:: max(1, -(-len(graphs) // options.graphs))]
        for cls in (PPGN, PPGNPlusPlus):
            for width in (32, 64):
                results["epochs"].append(race(name, graphs, cls, width, options.rounds))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ppgn.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "ppgn.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
