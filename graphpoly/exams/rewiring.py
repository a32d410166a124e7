"""What a method of rewiring does to the graphs of a whole dataset, measured before and after."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly import ops
from graphpoly.data import Dataset
from graphpoly.devices import on_cpu
from graphpoly.files import to_json, write_atomically
from graphpoly.rewiring import MethodSettings, Rewiring
from graphpoly.rewiring.measures import Bottlenecks, bottlenecks
from graphpoly.rewiring.plan import blocks, decide, side_by_side, transform_of
from graphpoly.rewiring.structure import Changes, Graphs
from graphpoly.training import Progress
from graphpoly.training.changes_file import changes_key
from graphpoly.training.lines import LineFile
from graphpoly.training.run_directory import reserve

__all__ = ["CURVATURES", "MEASURES", "Example", "RewiringReport", "Shift", "run_rewiring"]

_VERSION = 1
_MOST_DRAWN = 60  # nodes


# fields of Bottlenecks, and what they are called
MEASURES = {
    "edges": "edges",
    "degree": "largest degree",
    "parts": "components",
    "gap": "spectral gap",
    "resistance": "mean effective resistance",
    "least": "least curvature",
    "negative": "share of edges with negative curvature",
}
# ends of the bins of balanced Forman curvatures; what lies outside is counted at the ends
CURVATURES = [i / 10 for i in range(-20, 21)]


@dataclass(frozen=True)
class Shift:
    """One measure over the graphs that have it, before and after.

    Attributes:
        measure: Its name.
        graphs: How many have it, before and after.
        before: Mean before; None if no graph has it.
        after: Mean after.
        rose: Share of the graphs where it rose by more than a relative 1e-9.
        fell: Share of the graphs where it fell.
    """

    measure: str
    graphs: int
    before: float | None
    after: float | None
    rose: float
    fell: float


@dataclass(frozen=True)
class Example:
    """One graph, or the surroundings of what was changed in it.

    Attributes:
        graph: Its number in the dataset.
        nodes: The nodes that are shown.
        of: Number of nodes that the graph has.
        edges: Edges that stay, as pairs of places in ``nodes``.
        added: Edges that were added.
        removed: Edges that were removed.
    """

    graph: int
    nodes: list[int]
    of: int
    edges: list[list[int]]
    added: list[list[int]]
    removed: list[list[int]]


@dataclass(frozen=True)
class RewiringReport:
    """What :func:`run_rewiring` found.

    Attributes:
        dataset: Its name.
        method: As a user writes it, such as ``rewire=fosr edges=10``.
        settings: The same as values.
        num_graphs: Number of graphs.
        num_nodes: Number of their nodes.
        changed: How many graphs are not as they were.
        added: Number of edges that were added to all graphs, each counted once.
        removed: Number that were removed.
        shifts: A line for each measure.
        values: Of each measure, all its values before and all after, in the order of the graphs.
        curvature: How many edges have a curvature in each of the bins of :data:`CURVATURES`,
            before and after.
        seconds: That deciding took; measuring is not counted.
        example: A graph to look at: of those that were changed the one whose size is nearest to
            the median. None if none was changed.
    """

    dataset: str
    method: str
    settings: dict[str, Any]
    num_graphs: int
    num_nodes: int
    changed: int
    added: int
    removed: int
    shifts: list[Shift]
    values: dict[str, tuple[list[float], list[float]]]
    curvature: tuple[list[int], list[int]]
    seconds: float
    example: Example | None

    def to_dict(self) -> dict[str, Any]:
        """Return all but the values of single graphs."""
        held = asdict(self)
        del held["values"]
        return held

    def describe(self) -> str:
        """Return the answer in a sentence."""
        if not self.changed:
            return "No graph was changed: there was nothing to add and nothing to remove."
        found = {shift.measure: shift for shift in self.shifts}
        words = []
        for name in ("gap", "resistance", "least"):
            shift = found[name]
            if shift.before is None:
                continue
            values = f"from {shift.before:.3g} to {shift.after:.3g}"
            if self.num_graphs > 1:
                moved, share = max(("rose", shift.rose), ("fell", shift.fell), key=itemgetter(1))
                values = f"{moved} in {100 * share:.0f} % of the graphs, mean {values}"
            words.append(f"{MEASURES[name]} {values}")
        return f"{self.changed} of {self.num_graphs} graphs changed: " + "; ".join(words) + "."


@on_cpu()
def run_rewiring(
    dataset: Dataset,
    method: MethodSettings,
    *,
    out: str | Path,
    root: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> RewiringReport:
    """Rewire every graph of a dataset, and measure each before and after.

    ``out`` gets ``graphs.jsonl``, one line for each block of up to 64 graphs as soon as it is
    known, and ``results.json`` in the end. A run that was stopped in any way goes on with
    ``resume=True``.

    Args:
        dataset: See :func:`~graphpoly.data.find_dataset`; read as it is by default.
        method: See :func:`~graphpoly.rewiring.method_of`.
        out: Folder of the results.
        root: Folder that holds the datasets.
        resume: Go on with what ``out`` holds.
        progress: Told of every block.

    Raises:
        ValueError: If the method changes no edges, or does not take one of the graphs.
        CheckpointError: See :class:`~graphpoly.training.lines.LineFile`; if another process writes
            into ``out``.
        DatasetError: If the files of the dataset are absent.
    """
    if not method.rewires:
        raise ValueError(
            f"method: {method.method} changes no edges of the data: nothing to measure"
        )
    loaded = dataset.load(None if root is None else Path(root), dataset.reading, 0)
    graphs = [loaded.data] if loaded.data is not None else list(loaded.graphs or ())
    transform, _ = transform_of(method, graphs)
    parts = list(blocks(graphs))
    header = {
        "rewiring": _VERSION,
        "dataset": dataset.name,
        "method": method.to_dict(),
        "what": changes_key(graphs, method),
    }
    out = Path(out)
    with reserve(out, resume=resume):
        file = LineFile(out / "graphs.jsonl", header, resume=resume)
        records = list(file.records)
        done = sum(len(record["added"]) for record in records)
        if progress is not None:
            progress.start(f"{method.method}, {dataset.name}", len(graphs), done, what="graph")
        try:
            for record in _each(transform, graphs, parts[len(records) :]):
                file.append(record)
                records.append(record)
                done += len(record["added"])
                if progress is not None:
                    progress.update(done, {})
        finally:
            if progress is not None:
                progress.stop()
        report = _report(dataset, method, graphs, transform, records)
        write_atomically(out / "results.json", to_json(report.to_dict()))
    return report


def _each(
    transform: Rewiring, graphs: Sequence[Data], parts: Sequence[range]
) -> Iterator[dict[str, Any]]:
    """What is known of each block."""
    for part in parts:
        before = side_by_side([graphs[i] for i in part], symmetrize=transform.symmetrize)
        began = time.monotonic()
        changes = transform.changes(before)
        seconds = time.monotonic() - began
        after = before.after(changes)
        owner = torch.repeat_interleave(before.ptr.diff())
        record: dict[str, Any] = {"seconds": round(seconds, 6), "curvature": []}
        for name, pairs in (("added", changes.added), ("removed", changes.removed)):
            counts = torch.bincount(owner[pairs[0]], minlength=before.num_graphs)
            record[name] = counts.tolist()
        for name, some in (("before", before), ("after", after)):
            curvature = ops.balanced_forman(some.rowptr, some.col, some.ptr)
            record[name] = [list(each) for each in bottlenecks(some, curvature)]
            record["curvature"].append(_counted(curvature))
        yield record


def _counted(curvature: Tensor) -> list[int]:
    """Numbers of edges, bin by bin; each edge stands in two rows."""
    low, high = CURVATURES[0], CURVATURES[-1]
    counts = torch.histc(curvature.clamp(low, high), len(CURVATURES) - 1, low, high)
    return (counts.long() // 2).tolist()


def _report(
    dataset: Dataset,
    method: MethodSettings,
    graphs: Sequence[Data],
    transform: Rewiring,
    records: Sequence[dict[str, Any]],
) -> RewiringReport:
    added, removed = (
        [count for record in records for count in record[name]] for name in ("added", "removed")
    )
    before, after = (
        [Bottlenecks(*each) for record in records for each in record[name]]
        for name in ("before", "after")
    )
    pairs = list(zip(before, after, strict=True))
    values = {name: _both(pairs, name) for name in MEASURES}
    touched = [i for i in range(len(graphs)) if added[i] or removed[i]]
    return RewiringReport(
        dataset=dataset.name,
        method=str(method),
        settings=method.to_dict(),
        num_graphs=len(graphs),
        num_nodes=sum(int(graph.num_nodes or 0) for graph in graphs),
        changed=len(touched),
        added=sum(added),
        removed=sum(removed),
        shifts=[_shift(name, *values[name]) for name in MEASURES],
        values=values,
        curvature=_summed([record["curvature"] for record in records]),
        seconds=round(sum(record["seconds"] for record in records), 3),
        example=_example(graphs, transform, touched),
    )


def _both(
    pairs: Sequence[tuple[Bottlenecks, Bottlenecks]], name: str
) -> tuple[list[float], list[float]]:
    """Values of the graphs that have the measure before and after."""
    held = [(getattr(a, name), getattr(b, name)) for a, b in pairs]
    held = [(a, b) for a, b in held if a is not None and b is not None]
    return [float(a) for a, _ in held], [float(b) for _, b in held]


def _shift(name: str, before: Sequence[float], after: Sequence[float]) -> Shift:
    if not before:
        return Shift(name, 0, None, None, 0.0, 0.0)
    least = [1e-9 * max(abs(a), abs(b)) for a, b in zip(before, after, strict=True)]
    moved = [(b - a, eps) for a, b, eps in zip(before, after, least, strict=True)]
    return Shift(
        name,
        len(before),
        statistics.fmean(before),
        statistics.fmean(after),
        sum(step > eps for step, eps in moved) / len(moved),
        sum(step < -eps for step, eps in moved) / len(moved),
    )


def _summed(counts: Sequence[Sequence[Sequence[int]]]) -> tuple[list[int], list[int]]:
    total = torch.tensor(counts, dtype=torch.int64).reshape(-1, 2, len(CURVATURES) - 1).sum(0)
    return total[0].tolist(), total[1].tolist()


def _example(graphs: Sequence[Data], transform: Rewiring, touched: Sequence[int]) -> Example | None:
    if not touched:
        return None
    size = [int(graph.num_nodes or 0) for graph in graphs]
    median = statistics.median(size)
    chosen = min(touched, key=lambda i: (abs(size[i] - median), i))
    (changes,) = decide(transform, [graphs[chosen]])
    before = side_by_side([graphs[chosen]], symmetrize=transform.symmetrize)
    nodes = _near(before, changes)
    place = torch.full((before.num_nodes,), -1)
    place[nodes] = torch.arange(nodes.numel())

    def within(pairs: Tensor) -> list[list[int]]:
        at = place[pairs]
        kept: list[list[int]] = at[:, (at >= 0).all(0)].T.tolist()
        return kept

    stay = before.after(changes._replace(added=changes.added[:, :0])).edges
    return Example(
        graph=chosen,
        nodes=nodes.tolist(),
        of=before.num_nodes,
        edges=within(stay),
        added=within(changes.added),
        removed=within(changes.removed),
    )


def _near(graph: Graphs, changes: Changes) -> Tensor:
    """All nodes of a small graph; of a large one those around the first pair that was changed."""
    if graph.num_nodes <= _MOST_DRAWN:
        return torch.arange(graph.num_nodes)
    first = torch.cat([changes.added, changes.removed], 1)[:, 0]
    found: list[int] = first.tolist()
    for node in found:  # it grows while it is walked through: nearest nodes first
        row = graph.col[int(graph.rowptr[node]) : int(graph.rowptr[node + 1])].tolist()
        found += [each for each in row if each not in found][: _MOST_DRAWN - len(found)]
    return torch.tensor(sorted(found))
