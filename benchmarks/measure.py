"""How contestants are checked, timed and described. Knows no operator."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops import backends
from graphpoly.training.provenance import commit_of

__all__ = [
    "Case",
    "Contestant",
    "PeakMemory",
    "describe_machine",
    "probe",
    "processor_time",
    "race",
    "resident",
    "wall_clock",
]

WARM_BELOW = 5.0  # seconds; what takes longer warms up by itself
TURN = 0.005  # seconds
TOLERANCE = 1e-4  # of the largest value of the truth; float32 sums of a few thousand terms


@dataclass
class Contestant:
    """``run()`` gives the tensors to check; ``skip`` says why it does not take part.

    ``tolerance``: largest deviation allowed, relative to the largest value of the truth.
    """

    name: str
    run: Callable[[], tuple[Tensor, ...]] | None = None
    skip: str = ""
    tolerance: float = TOLERANCE


@dataclass
class Case:
    """One operator on one graph in one direction, and everybody who computes it."""

    op: str
    graph: str
    channels: int
    direction: str
    truth: Callable[[], tuple[Tensor, ...]] | None
    contestants: list[Contestant] = field(default_factory=list)
    order: int | None = None
    gathered: int = 0  # bytes of rows that the method must gather, per run
    streamed: int = 0  # bytes that it must read or write in order
    note: str = ""  # what a reader must know


def wall_clock(run: Callable[[], Any]) -> float:
    """Seconds that ``run()`` takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def processor_time(run: Callable[[], Any]) -> float:
    """Seconds of all processors that ``run()`` takes: what a busy machine hardly changes.

    With more than one thread it counts those that wait, too.
    """
    begin = time.process_time()
    run()
    return time.process_time() - begin


def race(
    case: Case,
    *,
    seconds: float,
    most: int,
    clock: Callable[[Callable[[], Any]], float] = wall_clock,
) -> dict[str, Any]:
    """Check each contestant against the truth, then time them in turns.

    Taking turns spreads whatever else the machine does evenly. Each has ``seconds`` and at least
    three runs, or one after the check where that took longer than ``seconds``. A turn is as many
    runs as fit into ``TURN`` seconds, one at least, after as many unmeasured ones, so that nobody
    pays for what the one before left in the caches, took back from the allocator or put to sleep
    (no unmeasured run where one takes ``WARM_BELOW`` seconds). A contestant that fails the check is
    listed with its error and is not timed. ``clock`` says how long a run takes.
    """
    truth = case.truth() if case.truth else ()
    rows: list[dict[str, Any]] = []
    running: list[tuple[dict[str, Any], Callable[[], Any], list[float], float]] = []
    for contestant in case.contestants:
        row: dict[str, Any] = {"name": contestant.name, "ms": None, "error": None, "note": ""}
        rows.append(row)
        if contestant.run is None:
            row["note"] = contestant.skip
            continue
        peak = PeakMemory()
        kept: list[tuple[Tensor, ...]] = []
        try:
            first = clock(lambda run=contestant.run, kept=kept: kept.append(run()))
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
            row["note"] = str(error).strip().splitlines()[0][:120]
            continue
        found = kept.pop()
        row["peak_bytes"] = peak.read()
        row["error"] = max((_error(f, t) for f, t in zip(found, truth, strict=False)), default=0.0)
        if not row["error"] <= contestant.tolerance:
            row["note"] = "wrong result: not timed"
            continue
        del found
        running.append((row, contestant.run, [], first))
    for _ in range(most):
        for _, run, times, first in running:
            least = 3 if first < seconds else 1
            if len(times) >= least and sum(times) > seconds:
                continue
            usual = min(times, default=first)
            runs = max(1, int(TURN / max(usual, 1e-6)))
            for _ in range(runs if usual < WARM_BELOW else 0):
                run()
            times += [clock(run) for _ in range(runs)]
    for row, _, times, _ in running:
        row["ms"] = statistics.median(times) * 1e3
        row["fastest_ms"] = min(times) * 1e3
        row["runs"] = len(times)
    return {
        "op": case.op,
        "graph": case.graph,
        "channels": case.channels,
        "order": case.order,
        "direction": case.direction,
        "gathered_bytes": case.gathered,
        "streamed_bytes": case.streamed,
        "note": case.note,
        "contestants": rows,
    }


class PeakMemory:
    """How far the resident set grows from here on. Linux only.

    What the allocator kept of earlier runs is given back first, so that small blocks count as well.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        clear = Path("/proc/self/clear_refs")
        if not clear.exists():
            return
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        clear.write_text("5")  # sets the peak back to now
        self._before = resident("VmRSS")

    def read(self) -> int | None:
        """Bytes, or None where the system does not tell."""
        return None if self._before is None else max(resident("VmHWM") - self._before, 0)


def resident(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _error(found: Tensor, truth: Tensor) -> float:
    """Largest deviation over the channels that the truth has, relative to its largest value."""
    found = found.detach()[..., : truth.size(-1)].double()
    scale = float(truth.abs().max()) if truth.numel() else 0.0
    return float((found - truth).abs().max()) / max(scale, 1e-30) if truth.numel() else 0.0


def probe(num_rows: int, num_gathers: int, channels: int, seed: int = 0) -> dict[str, float]:
    """Measure what this machine gives right now, in bytes per second.

    ``gather``: ``embedding_bag`` over rows drawn uniformly, 16 to a bag, from a table of the size
    of the features: PyTorch's own vectorised gather-and-add, nothing of ours. ``stream``: a copy
    of an array of 128 MB, bytes read plus bytes written. Both the best of a fifth of a second, and
    of 5 at least.
    """
    generator = torch.Generator().manual_seed(seed)
    table = torch.ones(num_rows, channels)
    num_bags = max(num_gathers // 16, 1)
    index = torch.randint(num_rows, (num_bags * 16,), generator=generator)
    offsets = torch.arange(0, num_bags * 16, 16)
    source = torch.ones(32 << 20)
    target = torch.empty_like(source)

    def gather() -> Tensor:
        return torch.nn.functional.embedding_bag(index, table, offsets, mode="sum")

    gathered = index.numel() * channels * table.element_size()
    return {
        "gather": gathered / _fastest(gather),
        "stream": 2 * source.numel() * 4 / _fastest(lambda: target.copy_(source)),
    }


def _fastest(run: Callable[[], Any]) -> float:
    run()
    times: list[float] = []
    while len(times) < 5 or sum(times) < 0.2:
        times.append(wall_clock(run))
    return min(times)


def describe_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers. No host name and no path."""
    model, flags = _cpu()
    wanted = ("avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_tile", "asimd", "sve")
    packages = ("torch", "torch-geometric", "numpy", "scipy", "torch-scatter", "torch-sparse")
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit_of(Path(__file__).resolve().parent, ".", ":!results"),
        "cpu": model,
        "cpu_flags": [flag for flag in wanted if flag in flags],
        "cpus": torch.multiprocessing.cpu_count(),
        "load_average": round(_load_average(), 1),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "kernels": backends()["cpp"],
    }


def _cpu() -> tuple[str, set[str]]:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine(), set()
    fields: dict[str, str] = {}
    for line in info.read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", ""))
    return fields.get("model name", platform.machine()), set(flags.split())


def _load_average() -> float:
    info = Path("/proc/loadavg")
    return float(info.read_text().split()[0]) if info.exists() else float("nan")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
