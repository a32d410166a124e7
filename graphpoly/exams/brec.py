"""The BREC protocol: train a network on each pair anew, and compare with its exact ceiling.

Differences from the published script: each pair of a seed has a random state of its own, so that
pairs may run in any order and on several processes; the renamed copies are drawn here, since the
published ones are a derived file; a pair counts only where its own reliability check is passed
(there, the number of failures is subtracted from the number of pairs that are distinguished).
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import global_add_pool

from graphpoly.data import BREC, BREC_CATEGORIES, load_brec
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity import named_test, separated
from graphpoly.expressivity.rpc import SCALES, THRESHOLD, comparison_graphs, judge, paired_statistic
from graphpoly.files import to_json, write_atomically
from graphpoly.models.model_factory import model_factory
from graphpoly.settings import Settings, bounded
from graphpoly.training import Progress, seed_everything
from graphpoly.training.contrast import train_apart
from graphpoly.training.forward import call_by_name
from graphpoly.training.lines import LineFile
from graphpoly.training.run_directory import reserve

__all__ = [
    "BREC_SEEDS",
    "BrecReport",
    "BrecSettings",
    "Candidate",
    "CategoryRow",
    "brec_candidate",
    "chosen_pairs",
    "run_brec",
]

BREC_SEEDS = tuple(range(100, 1001, 100))
_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class BrecSettings(Settings):
    """Of the protocol, as published.

    Attributes:
        epochs: At most.
        lr, weight_decay: Of Adam.
        batch_size: Graphs of both kinds.
        enough: Loss below which training stops.
        out_channels: Size of the outputs that are compared.
        threshold: Of both statistics.
    """

    epochs: int = bounded(20, low=0)
    lr: float = bounded(1e-4, low=0)
    weight_decay: float = bounded(1e-4, low=0)
    batch_size: int = bounded(16, low=2)
    enough: float = bounded(0.2)
    out_channels: int = bounded(16, low=1, high=31)
    threshold: float = bounded(THRESHOLD, low=0)


@dataclass(frozen=True)
class Candidate:
    """A network that is to be examined.

    Attributes:
        name: What the user typed.
        build: Makes it anew.
        ceiling: Test that bounds it, one of :data:`graphpoly.expressivity.TESTS`, if one is known.
    """

    name: str
    build: Callable[[], nn.Module]
    ceiling: str | None


@dataclass(frozen=True)
class CategoryRow:
    """What came out for a family of pairs; numbers are means over seeds.

    Attributes:
        category: Name, ``"all"`` for the sum.
        pairs: Number of pairs.
        realised: Scale to the number that are distinguished, reliably.
        failures: Scale to the number that fail the reliability check.
        ceiling: Number that the test of the ceiling separates; None without one.
        beyond: Number that are distinguished on the published scale though the test does not
            separate them: rounding, or no such bound. None without a ceiling.
    """

    category: str
    pairs: int
    realised: dict[str, float]
    failures: dict[str, float]
    ceiling: int | None
    beyond: float | None


@dataclass(frozen=True)
class BrecReport:
    """What came out in all; ``network`` are arguments of the model other than its defaults."""

    model: str
    network: dict[str, Any]
    ceiling: str | None
    seeds: list[int]
    settings: dict[str, Any]
    seconds: float
    rows: list[CategoryRow]


def brec_candidate(
    name: str,
    network: Mapping[str, Any] | None = None,
    *,
    out_channels: int = 16,
    ceiling: str | None = None,
) -> Candidate:
    """Find what a name stands for.

    Args:
        name: See :func:`~graphpoly.models.model_factory.model_factory`. The network's ``forward``
            names what it takes (``x`` with one channel, ``edge_index``, ``batch``, or the whole
            ``data``). Outputs of nodes are summed.
        network: Arguments of the model, as :func:`~graphpoly.models.model_factory.model_factory`
            takes them.
        out_channels: Size of the outputs, of registered models and of PyG's.
        ceiling: Test that bounds it; by default what the registry's tag or an attribute
            ``expressivity`` of the factory begins with.

    Raises:
        ValueError: If there is no such model or factory, or no such test.

    >>> brec_candidate("GIN").ceiling
    '1-WL'
    """
    arguments = {"in_channels": 1, "out_channels": out_channels, **(network or {})}
    build, words = model_factory(name, **arguments)
    found = named_test(words if ceiling is None else ceiling)
    if ceiling is not None and found is None:
        from graphpoly.expressivity import TESTS

        raise unknown("ceiling", ceiling, TESTS)
    return Candidate(name, build, found)


def chosen_pairs(words: str | None) -> list[int]:
    """Read a choice of pairs.

    Args:
        words: Ranges such as ``"0-60"`` (0 to 59: the last does not count), single pairs and
            families, with commas between them; None for all.

    >>> chosen_pairs("0-2,98,DistanceRegular")[:4]
    [0, 1, 98, 380]
    """
    if words is None:
        return list(range(400))
    pairs: dict[int, None] = {}
    for word in filter(None, (part.strip() for part in words.split(","))):
        first, dash, last = word.partition("-")
        if first.isdigit() and (last.isdigit() if dash else True):
            members = range(int(first), int(last) if dash else int(first) + 1)
        elif word.lower() == "regular":  # as the benchmark's scripts call these two
            members = range(60, 160)
        else:
            members = BREC.members(word)
        if not members or members.stop > 400:
            raise ValueError(
                f"pairs: got {word!r}; ranges within 0-400 are accepted, the last not counted"
            )
        pairs.update(dict.fromkeys(members))
    if not pairs:
        raise ValueError(f"pairs: got {words!r}, expected ranges or families")
    return list(pairs)


def run_brec(
    name: str,
    *,
    out: str | Path,
    root: str | Path | None = None,
    pairs: Sequence[int] | None = None,
    seeds: Sequence[int] = BREC_SEEDS,
    settings: BrecSettings | None = None,
    network: Mapping[str, Any] | None = None,
    ceiling: str | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
) -> BrecReport:
    """Train and judge a network on pairs of BREC.

    ``out`` gets ``pairs.jsonl``, one line for each pair and seed as soon as it is known, and
    ``results.json`` in the end. A run that was stopped in any way goes on with ``resume=True``; it
    may be given further pairs and seeds.

    Args:
        name: See :func:`brec_candidate`.
        out: Folder of the results.
        root: Folder that holds the datasets.
        pairs: Which pairs; by default all.
        seeds: Each trains every pair once.
        settings: Of the protocol.
        network: Arguments of the model, see :func:`brec_candidate`.
        ceiling: See :func:`brec_candidate`.
        workers: Number of processes, of one thread each; 1 stays in this one.
        resume: Go on with what ``out`` holds.
        progress: Told of every pair.

    Returns:
        Counts by family beside the exact ceiling.

    Raises:
        CheckpointError: See :class:`~graphpoly.training.lines.LineFile`; if another process writes
            into ``out``.
        DatasetError: If the files of BREC are absent.
    """
    settings = BrecSettings() if settings is None else settings
    pairs = list(range(400)) if pairs is None else list(pairs)
    seeds = list(dict.fromkeys(seeds))
    if not seeds or workers < 1:
        raise ValueError(f"seeds, workers: got {seeds} and {workers}, expected at least one")
    network = dict(network or {})
    candidate = brec_candidate(name, network, out_channels=settings.out_channels, ceiling=ceiling)
    dataset = load_brec(root)
    header = {"brec": _VERSION, "model": name, "network": network, "settings": asdict(settings)}
    with reserve(Path(out), resume=resume):
        file = LineFile(Path(out) / "pairs.jsonl", header, resume=resume)
        found = {(record["seed"], record["pair"]): record for record in file.records}
        wanted = [(seed, pair) for seed in seeds for pair in pairs]
        left = [(seed, pair) for seed, pair in wanted if (seed, pair) not in found]
        tasks = [(name, pair, dataset.lines[pair], seed, settings, network) for seed, pair in left]
        if progress is not None:
            progress.start(f"BREC, {name}", len(wanted), len(wanted) - len(left))
        try:
            for done, record in enumerate(_each(tasks, workers), len(wanted) - len(left) + 1):
                file.append(record)
                found[record["seed"], record["pair"]] = record
                if progress is not None:
                    progress.update(done, {"loss": record["loss"] or 0.0})
        finally:
            if progress is not None:
                progress.stop()
        records = [found[key] for key in wanted]
        rows = _rows(candidate, records, dataset, pairs, len(seeds))
        seconds = round(sum(record["seconds"] for record in records), 1)
        report = BrecReport(
            name, network, candidate.ceiling, seeds, asdict(settings), seconds, rows
        )
        write_atomically(Path(out) / "results.json", to_json(asdict(report)))
    return report


_Task = tuple[str, int, tuple[bytes, bytes], int, BrecSettings, dict[str, Any]]


def _each(tasks: list[_Task], workers: int) -> Iterator[dict[str, Any]]:
    """Results as they come."""
    if workers == 1 or len(tasks) < 2:
        yield from (compare_pair(*task) for task in tasks)
        return
    waiting, running = deque(tasks), set[Future[dict[str, Any]]]()
    # a forked process would inherit torch's threads in an unknown state
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=torch.set_num_threads, initargs=(1,))
    try:
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                running.add(pool.submit(compare_pair, *waiting.popleft()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a process was killed, perhaps for want of memory; go on with --resume"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@on_cpu()
def compare_pair(
    name: str,
    pair: int,
    lines: tuple[bytes, bytes],
    seed: int,
    settings: BrecSettings,
    network: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train and judge one network on one pair: a line of the results."""
    start = time.perf_counter()
    candidate = brec_candidate(name, network, out_channels=settings.out_channels)
    # the copies are those of the pair, whatever the seed
    graphs, same = comparison_graphs(*BREC([lines])[0], seed=2022 + pair)
    for graph in (*graphs, *same):
        graph.x = torch.ones(int(graph.num_nodes or 0), 1)
    size = settings.batch_size - settings.batch_size % 2
    batches, checks = (
        [Batch.from_data_list(group[i : i + size]) for i in range(0, len(group), size)]
        for group in (graphs, same)
    )
    seed_everything(random.Random(f"brec {seed} {pair}").getrandbits(32))
    model = candidate.build()
    epochs, loss = train_apart(
        model,
        batches,
        _outputs,
        epochs=settings.epochs,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        enough=settings.enough,
    )
    model.eval()
    with torch.no_grad():
        apart, check = (
            paired_statistic(torch.cat([_outputs(model, batch) for batch in group]))
            for group in (batches, checks)
        )
    verdicts = judge(apart, check, threshold=settings.threshold)
    return {
        "pair": pair,
        "category": BREC.category(pair),
        "seed": seed,
        "statistic": _number(apart.reference),
        "reliability": _number(check.reference),
        "rank": apart.rank,
        **{scale: asdict(verdict) for scale, verdict in verdicts.items()},
        "epochs": epochs,
        "loss": _number(loss),
        "seconds": round(time.perf_counter() - start, 3),
    }


def _outputs(model: nn.Module, batch: Any) -> Tensor:
    """Rows of graphs; those of nodes are summed."""
    out = call_by_name(model, batch)
    if out.size(0) == batch.num_nodes:
        out = global_add_pool(out, batch.batch, batch.num_graphs)
    if out.dim() != 2 or out.size(0) != batch.num_graphs:
        raise ValueError(
            f"model: gave {tuple(out.shape)} for {batch.num_graphs} graphs of {batch.num_nodes} "
            "nodes; expected a row for each graph or each node"
        )
    return out


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rows(
    candidate: Candidate,
    records: list[dict[str, Any]],
    dataset: BREC,
    pairs: list[int],
    seeds: int,
) -> list[CategoryRow]:
    apart: dict[int, bool] = {}
    if candidate.ceiling is not None:
        found = separated((dataset[pair] for pair in pairs), candidate.ceiling).tolist()
        apart = dict(zip(pairs, found, strict=True))
    rows = []
    for category in (*BREC_CATEGORIES, "all"):
        chosen = [r for r in records if category in ("all", r["category"])]
        if not chosen:
            continue
        members = {record["pair"] for record in chosen}
        counting = {
            scale: [r for r in chosen if r[scale]["distinguished"] and r[scale]["reliable"]]
            for scale in SCALES
        }
        failing = {scale: [r for r in chosen if not r[scale]["reliable"]] for scale in SCALES}
        beyond = [r for r in counting["reference"] if apart and not apart[r["pair"]]]
        rows.append(
            CategoryRow(
                category,
                len(members),
                {scale: len(each) / seeds for scale, each in counting.items()},
                {scale: len(each) / seeds for scale, each in failing.items()},
                sum(apart[pair] for pair in members) if apart else None,
                len(beyond) / seeds if apart else None,
            )
        )
    return rows
