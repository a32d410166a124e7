"""From graphs of a graphon to the graphon, by the kernel between their nodes.

python -m benchmarks.gntk_transfer

Nodes have places u in [0, 1], edges are drawn with probability W(u, v), and the operator is A / n.
The limit of n without end is a graph of quadrature: 48 places of Gauss and Legendre that hear each
other with weights W(u, v) w. As n grows the eigenvalues of the kernel over n tend to those of the
limit, and a regression that is fitted on n nodes predicts the limit as the limit's own does. Writes
``gntk_transfer.json``, ``.md`` and ``.svg``.
"""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from graphpoly.kernels import NodeGNTK

RESULTS = Path(__file__).parent / "results"
SIZES, DRAWS, TOP, RIDGE = (50, 100, 200, 400, 800), 12, 5, 1e-3
KERNEL = NodeGNTK(3, powers=(0, 1), normalization=None, add_self_loops=False)


def graphon(u: Tensor, v: Tensor) -> Tensor:
    """Probability of an edge between places, ``[N, M]``."""
    return 0.9 * (-4 * (u[:, None] - v).square()).exp()


def signal(u: Tensor) -> Tensor:
    """Features of places, ``[N, 2]``."""
    return torch.stack([torch.ones_like(u), u], 1)


def target(u: Tensor) -> Tensor:
    """What is to be predicted, ``[N]``."""
    return (2 * math.pi * u).sin()


def sampled(size: int, seed: int) -> tuple[Data, Tensor]:
    """A graph with W-random edges of weight 1 / n, and the places of its nodes."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(size, generator=generator, dtype=torch.float64)
    drawn = torch.rand(size, size, generator=generator, dtype=torch.float64) < graphon(u, u)
    upper = drawn.triu(1)
    edge_index = (upper | upper.T).nonzero().T.contiguous()
    weight = torch.full((edge_index.size(1),), 1 / size, dtype=torch.float64)
    return Data(x=signal(u), edge_index=edge_index, edge_weight=weight), u


def limit(points: int = 48) -> tuple[Data, Tensor, Tensor]:
    """The graphon as a graph of quadrature, its places and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    u, weight = torch.from_numpy(nodes + 1) / 2, torch.from_numpy(weights) / 2
    edge_index = torch.cartesian_prod(torch.arange(points), torch.arange(points)).T.contiguous()
    integral = (graphon(u, u) * weight)[edge_index[1], edge_index[0]]
    return Data(x=signal(u), edge_index=edge_index, edge_weight=integral), u, weight


def top(kernel: Tensor, weight: Tensor) -> Tensor:
    """Largest eigenvalues of the integral operator of a kernel, ``[TOP]``."""
    root = weight.sqrt()
    return torch.linalg.eigvalsh(root[:, None] * kernel * root).flip(0)[:TOP]


def regression(kernel: Tensor, weight: Tensor, y: Tensor) -> Tensor:
    """Coefficients of least squares weighted as the places are, with a ridge, ``[N]``."""
    ridge = RIDGE * (kernel.diagonal() * weight).sum()
    return weight * torch.linalg.solve(kernel * weight + ridge * torch.eye(len(y)), y)


def measure(sizes: tuple[int, ...] = SIZES, draws: int = DRAWS) -> list[dict[str, float]]:
    """A row for each size: root mean squares, over draws, of errors relative to the limit."""
    whole, places, weight = limit()
    kernel = KERNEL(whole)
    eigenvalues = top(kernel, weight)
    wanted = kernel @ regression(kernel, weight, target(places))
    rows = []
    for size in sizes:
        errors = []
        for seed in range(draws):
            data, u = sampled(size, seed)
            own, equal = KERNEL(data), torch.full((size,), 1 / size, dtype=torch.float64)
            predicted = KERNEL(whole, data) @ regression(own, equal, target(u))
            missed = weight @ (predicted - wanted).square() / (weight @ wanted.square())
            apart = (top(own, equal) - eigenvalues).norm() / eigenvalues.norm()
            errors.append((float(apart) ** 2, float(missed)))
        means = [math.sqrt(statistics.fmean(column)) for column in zip(*errors, strict=True)]
        rows.append({"n": size, "eigenvalues": means[0], "prediction": means[1]})
    return rows


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw the errors against n."""
    figure = Figure(figsize=(4.8, 3.0), layout="constrained")
    axes = figure.subplots()
    sizes = [row["n"] for row in rows]
    for key, color in (("eigenvalues", "#3b4cc0"), ("prediction", "#d0661c")):
        axes.loglog(sizes, [row[key] for row in rows], "o-", color=color, label=key)
    first = rows[0]["eigenvalues"]
    axes.loglog(
        sizes,
        [first * math.sqrt(sizes[0] / n) for n in sizes],
        ":",
        color="#7a8088",
        label="$n^{-1/2}$",
    )
    axes.set_xlabel("nodes of the graph that is fitted")
    axes.set_ylabel("relative error")
    axes.set_xticks(sizes, [str(n) for n in sizes], minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False)
    with mpl.rc_context({"svg.hashsalt": "graphpoly"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, draw, write."""
    torch.set_num_threads(1)
    machine, rows = describe_machine(), measure()
    report = {"machine": machine, "rows": rows}
    (RESULTS / "gntk_transfer.json").write_text(json.dumps(report, indent=2) + "\n")
    draw(rows, RESULTS / "gntk_transfer.svg")
    lines = [
        "# A neural tangent kernel from graphs to their limit",
        "",
        "Made by `python -m benchmarks.gntk_transfer`: W-random graphs of n nodes and their limit, "
        f"root mean squares over {DRAWS} draws. Relative errors of the {TOP} largest eigenvalues "
        "of the kernel over n, and of what a regression fitted on n nodes predicts in the limit, "
        "against what the limit's own does.",
        "",
        "| n | eigenvalues | prediction |",
        "|---:|---:|---:|",
        *(f"| {r['n']} | {r['eigenvalues']:.4f} | {r['prediction']:.4f} |" for r in rows),
        "",
        "![Errors against n](gntk_transfer.svg)",
        "",
    ]
    (RESULTS / "gntk_transfer.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
