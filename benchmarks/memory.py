"""Peak memory of one training step of a polynomial filter, in a process of its own.

    python -m benchmarks.memory GRAPH CHANNELS ORDER CONTESTANT

prints how far the resident set grew above what the graph and the inputs take, in bytes. Linux only.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

__all__ = ["measure"]


def measure(graph: str, channels: int, order: int, contestant: str, threads: int) -> int | str:
    """Return the peak in bytes, or why there is none."""
    if not Path("/proc/self/clear_refs").exists():
        return "needs /proc/self/clear_refs"
    command = [sys.executable, "-m", "benchmarks.memory", graph, str(channels), str(order)]
    try:
        done = subprocess.run(
            [*command, contestant, str(threads)],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
    except subprocess.TimeoutExpired:
        return "more than 300 s"
    except subprocess.CalledProcessError as error:
        return f"exit status {error.returncode}"
    return int(done.stdout.split()[-1])


def main() -> None:
    from benchmarks.filters import chebyshev
    from benchmarks.graphs import power_law
    from benchmarks.measure import PeakMemory
    from benchmarks.peers import Operators, filters

    name, channels, order, contestant, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    graph = power_law(name)
    run = filters(Operators(graph))[contestant]
    assert not isinstance(run, str)
    x = torch.randn(graph.num_nodes, int(channels), requires_grad=True)
    grad = torch.randn_like(x)
    theta, recurrence = chebyshev(int(order), int(channels))
    peak = PeakMemory()
    run(x, theta.requires_grad_(), recurrence).backward(grad)
    print(peak.read())


if __name__ == "__main__":
    main()
