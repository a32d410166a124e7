"""Two states of the package side by side: ``python -m benchmarks.before_after BEFORE AFTER``.

BEFORE and AFTER are checkouts with their kernels built. Children of both take turns, so that what
else the machine does falls on both alike; of each child the fastest of many runs counts. What
disturbs a run only adds to it: the ratio of the least times of all children decides, that of their
medians stands beside it. Exits with 1 if an operator has become slower by more than ``--limit``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

SIZES = {"small": (2_700, 10_600), "large": (170_000, 1_200_000)}  # nodes and edges
SECONDS = {"small": 0.2, "large": 0.5}  # for each operator of a child
CHANNELS = 64


def operators(size: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The operators of the benchmark on one random graph."""
    import torch

    from graphpoly import ops

    torch.manual_seed(0)
    n, e = SIZES[size]
    edges = torch.randint(n, (2, e))
    adj = ops.to_csr(edges, num_nodes=n, transposed=True)
    weighted = ops.normalize(edges, num_nodes=n, transposed=True)
    x, batch = torch.randn(n, CHANNELS), torch.arange(n) // 30
    score, value = torch.randn(n, 8), torch.randn(n, 8, 8)
    theta, recurrence = torch.randn(11, 1), torch.rand(3, 10, 1) + 0.5
    entry, pairs = torch.randn(e, 8), torch.randint(n, (2, e // 10))

    yield "to_csr", lambda: ops.to_csr(edges.clone(), num_nodes=n)
    yield "to_csr, transposed", lambda: ops.to_csr(edges.clone(), num_nodes=n, transposed=True)
    yield "to_csr, remembered", lambda: ops.to_csr(edges, num_nodes=n)
    sparse = torch.sparse_csr_tensor(adj.rowptr.long(), adj.col.long(), torch.ones(e), (n, n))
    yield "to_csr of torch.sparse", lambda: ops.to_csr(sparse)
    for reduce in ("sum", "mean", "max"):
        yield f"spmm_{reduce}", lambda reduce=reduce: ops.spmm(weighted, x, reduce)
    leaf = x.clone().requires_grad_()
    yield "spmm_sum, backward", lambda: ops.spmm(weighted, leaf).sum().backward()
    yield "sddmm", lambda: ops.sddmm(adj, x, x)
    yield "polynomial", lambda: ops.polynomial(weighted, x, theta, recurrence)
    yield "lanczos", lambda: ops.lanczos(weighted, x[:, :16].contiguous(), 5)
    yield (
        "attention",
        lambda: ops.gat_attention(adj, value, alpha_src=score, alpha_dst=score),
    )
    yield "segment_softmax", lambda: ops.segment_softmax(adj, entry)
    yield "multi_aggregate", lambda: ops.multi_aggregate(adj, x, ["mean", "std", "max", "min"])
    yield "pool", lambda: ops.pool(x, batch.clone())
    yield "pool, remembered", lambda: ops.pool(x, batch)
    yield "common_neighbors", lambda: ops.common_neighbors(adj, adj, pairs)
    yield "common_neighbors of x", lambda: ops.common_neighbors(adj, adj, pairs, x=x)
    if size == "small":
        yield "enumerate_paths", lambda: ops.enumerate_paths(edges, 3, n)


def fastest(run: Callable[[], Any], seconds: float) -> float:
    """Seconds of the fastest of the runs that fit, at least five."""
    run()
    best, begun, runs = float("inf"), time.perf_counter(), 0
    while runs < 5 or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        run()
        best, runs = min(best, time.perf_counter() - start), runs + 1
    return best


def child(size: str, chosen: str) -> None:
    """Time the operators of the package that this process imports."""
    found = {
        name: fastest(run, SECONDS[size])
        for name, run in operators(size)
        if name.startswith(chosen)
    }
    json.dump(found, sys.stdout)


def measure(tree: Path, size: str, chosen: str) -> dict[str, float]:
    """Run a child on a checkout."""
    command = [sys.executable, __file__, "--child", size, "--op", chosen]
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table, say whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path, metavar="BEFORE AFTER")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=0.02)
    parser.add_argument("--op", default="", help="operators whose names begin so")
    parser.add_argument("--child", choices=SIZES)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child, given.op)
        return 0
    if len(given.trees) != 2:
        parser.error("BEFORE and AFTER are needed")
    worst = 0.0
    for size in SIZES:
        times: list[dict[str, list[float]]] = [{}, {}]
        for round_ in range(given.rounds):
            for which in (0, 1) if round_ % 2 else (1, 0):
                for name, seconds in measure(given.trees[which], size, given.op).items():
                    times[which].setdefault(name, []).append(seconds)
        for name in times[0]:
            before, after = (min(side[name]) for side in times)
            usual = [statistics.median(side[name]) for side in times]
            worst = max(worst, after / before - 1)
            sys.stdout.write(
                f"{size:6} {name:24} {before * 1e6:12.1f} us {after * 1e6:12.1f} us "
                f"{after / before - 1:+8.1%}   (medians {usual[1] / usual[0] - 1:+.1%})\n"
            )
            sys.stdout.flush()
    return int(worst > given.limit)


if __name__ == "__main__":
    sys.exit(main())
