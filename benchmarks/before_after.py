"""Two states of the package side by side: ``python -m benchmarks.before_after BEFORE AFTER``.

BEFORE and AFTER are checkouts with their kernels built. Children of both take turns, so that what
else the machine does falls on both alike; of each child the fastest of many runs counts. What is
printed is the median of the ratios of children that ran one after the other, with an interval that
covers it in 95 of 100 measurements at least (order statistics: nothing is supposed of how times
scatter). Beside it, where the processor's counter can be had, the instructions of a run, which what
else the machine does cannot change: a check shows there to a thousandth. An operator has become
slower if its instructions are more by ``--limit``, unless the whole interval says that its time is
not; without a counter, if the whole interval lies above it. This makes the exit status 1.
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

from scipy.stats import binom

if __package__:
    from benchmarks.instructions import counter
else:  # a child, which must not import the package of another checkout through this one
    from instructions import counter

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
    """Time the operators of the package that this process imports, and count instructions."""
    found, count = {}, counter()
    for name, run in operators(size):
        if name.startswith(tuple(chosen.split(","))):
            seconds = fastest(run, SECONDS[size])
            instructions = min(count(run) for _ in range(5)) if count else 0
            found[name] = seconds, instructions
    json.dump(found, sys.stdout)


def measure(tree: Path, size: str, chosen: str) -> dict[str, tuple[float, int]]:
    """Run a child on a checkout."""
    command = [sys.executable, __file__, "--child", size, "--op", chosen]
    paths = [tree.resolve(), Path(__file__).resolve().parent]  # the package, and the counter
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Ends of the narrowest pair of order statistics that covers the median at this level.

    >>> interval([5.0, 1.0, 2.0, 4.0, 3.0, 6.0, 7.0, 8.0, 9.0])
    (2.0, 8.0)
    """
    ordered, n = sorted(values), len(values)
    cut = 0  # values that are left out at each end
    while 2 * (cut + 1) < n and binom.cdf(cut + 1, n, 0.5) <= (1 - level) / 2:
        cut += 1
    return ordered[cut], ordered[n - 1 - cut]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table, say whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path, metavar="BEFORE AFTER")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=0.02)
    parser.add_argument("--op", default="", help="operators whose names begin so, or so,or so")
    parser.add_argument("--page", type=Path, help="file for the table")
    parser.add_argument("--child", choices=SIZES)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child, given.op)
        return 0
    if len(given.trees) != 2:
        parser.error("BEFORE and AFTER are needed")
    slower, rows = False, []
    for size in SIZES:
        times: list[dict[str, list[float]]] = [{}, {}]
        work: list[dict[str, int]] = [{}, {}]
        for round_ in range(given.rounds):
            for which in (0, 1) if round_ % 2 else (1, 0):
                found = measure(given.trees[which], size, given.op)
                for name, (seconds, instructions) in found.items():
                    times[which].setdefault(name, []).append(seconds)
                    work[which][name] = min(instructions, work[which].get(name, instructions))
        for name in times[0]:
            before, after = (statistics.median(side[name]) for side in times)
            changes = [b / a - 1 for a, b in zip(times[0][name], times[1][name], strict=True)]
            low, high = interval(changes)
            more = work[1][name] / work[0][name] - 1 if work[0][name] else None
            worse = low > given.limit if more is None else more > given.limit < high
            slower |= worse
            change = f"{statistics.median(changes):+.1%} [{low:+.1%}, {high:+.1%}]"
            row = (
                *(size, name, f"{before * 1e6:.1f}", f"{after * 1e6:.1f}", change),
                *("" if more is None else f"{more:+.1%}", "slower" if worse else ""),
            )
            rows.append(row)
            sys.stdout.write(
                "{:6} {:24} {:>10} us {:>10} us  {:24} {:>7} {}".format(*row).rstrip() + "\n"
            )
            sys.stdout.flush()
    if given.page:
        given.page.write_text(page(given.trees, given.rounds, rows), encoding="utf-8")
    return int(slower)


def page(trees: Sequence[Path], rounds: int, rows: Sequence[tuple[str, ...]]) -> str:
    """Return the table, and what was compared where."""
    from benchmarks.measure import describe_machine

    machine = describe_machine()
    commits = []
    for tree in trees:
        command = ["git", "-C", str(tree), "rev-parse", "--short=12", "HEAD"]
        commits.append(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    lines = [
        f"# {' beside '.join(commits)}",
        "",
        "Made by `python -m benchmarks.before_after`: microseconds on one thread, medians of "
        f"{rounds} processes each; the change is the median of neighbouring pairs, with an "
        "interval that covers it in 95 of 100 measurements; instructions are those of one run.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, load {machine['load_average']} at the end; "
        f"{machine['date']}, torch {machine['versions']['torch']}",
        *(f"- {size}: {n:,} nodes, {e:,} edges" for size, (n, e) in SIZES.items()),
        "",
        "| graph | operator | before | after | change of the time | of the instructions | |",
        "|---|---|---:|---:|---:|---:|---|",
        *(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
