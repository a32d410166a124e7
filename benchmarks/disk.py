"""Features three times larger than memory: mapped, read row by row, and packed.

python -m benchmarks.disk [--folder FOLDER]

A generated graph whose sources fall off as a power, and a file of features three times as large as
the memory that is allowed for them. One epoch of sampled neighbourhoods, from a cold start, in one
run: ``numpy.load(mmap_mode="r")`` indexed by the nodes of each batch, as it is and with the system
told that it is read at random; ``DiskFeatures``; ``PackedEpochs``. Bytes are those that the kernel
has fetched from the device for this process. Writes ``disk.json`` and ``disk.md``.
"""

from __future__ import annotations

import argparse
import json
import mmap
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.measure import describe_machine
from benchmarks.page_cache import LimitedFile, bytes_from_device, dropped
from graphpoly.loader import DiskFeatures, NeighborLoader, PackedEpochs, pack_epochs, seeded_epoch
from graphpoly.loader.seeded_epoch import samples

RESULTS = Path(__file__).parent / "results"
NODES, EDGES, CHANNELS = 1_200_000, 12_000_000, 128
SEEDS, BATCHES, HOPS = 1024, 24, [10, 10]
FILE = NODES * CHANNELS * 4
ALLOWED = FILE // 3
KEPT = ALLOWED // 2  # of it, rows that the store or the epochs hold themselves
MAPPED, ADVISED, ROWS, PACKED = "mapped", "mapped, random", "DiskFeatures", "PackedEpochs"


def graph() -> Data:
    """Targets anywhere, sources with probability proportional to a power of their rank."""
    generator = torch.Generator().manual_seed(0)
    rank = torch.rand(EDGES, generator=generator, dtype=torch.float64) ** 2
    source = torch.randperm(NODES, generator=generator)[(rank * NODES).long()]
    target = torch.randint(NODES, (EDGES,), generator=generator)
    return Data(edge_index=torch.stack([source, target]), num_nodes=NODES)


def write_features(path: Path) -> None:
    """Random numbers, a part at a time."""
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (NODES, CHANNELS))
    for begin in range(0, NODES, 100_000):
        part = out[begin : begin + 100_000]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
    out.flush()


class Bench:
    """The graph, its features on the disk, and what was measured."""

    def __init__(self, folder: Path) -> None:
        self.features, self.packed = folder / "features" / "x.npy", folder / "packed"
        write_features(self.features)
        data = graph()
        self.degree = torch.bincount(data.edge_index[0], minlength=NODES)
        generator = torch.Generator().manual_seed(1)
        seeds = torch.randperm(NODES, generator=generator)[: SEEDS * BATCHES]
        options = {"input_nodes": seeds, "batch_size": SEEDS, "shuffle": True}
        self.loader = NeighborLoader(data, HOPS, **options)
        self.offset = self.features.stat().st_size - FILE

    def rows(self, nodes: Tensor) -> tuple[Any, Any]:
        """Where in the file the rows of nodes begin and end."""
        first = self.offset + nodes.numpy() * (4 * CHANNELS)
        return first, first + 4 * CHANNELS

    def sampling(self) -> float:
        """Seconds of an epoch without features."""
        begin = time.perf_counter()
        for _ in samples(self.loader, 0):
            pass
        return time.perf_counter() - begin

    def by_index(
        self, opened: Callable[[], tuple[Callable[[Tensor], Any], list[mmap.mmap]]], allowed: int
    ) -> tuple[dict[str, Any], list[int]]:
        """An epoch whose rows are indexed batch by batch; how much the system keeps is limited."""
        dropped([self.features])
        read, begin = bytes_from_device(), time.perf_counter()
        index, mappings = opened()
        limited, seconds, sums = LimitedFile(self.features, allowed, mappings), 0.0, []
        for batch in seeded_epoch(self.loader, 0):
            x = torch.as_tensor(index(batch.n_id))
            seconds += time.perf_counter() - begin
            sums.append(checksum(x))
            limited.limit(*self.rows(batch.n_id))
            begin = time.perf_counter()
        found = {"bytes": bytes_from_device() - read, "seconds": seconds, "resident": limited.most}
        return found, sums

    def mapped(self, *, advised: bool) -> tuple[dict[str, Any], list[int]]:
        """``numpy.load`` with a mapping."""

        def opened() -> tuple[Callable[[Tensor], Any], list[mmap.mmap]]:
            x: Any = np.load(self.features, mmap_mode="r")
            if advised:
                x._mmap.madvise(mmap.MADV_RANDOM)
            return lambda nodes: x[nodes.numpy()], [x._mmap]

        return self.by_index(opened, ALLOWED)

    def by_row(self) -> tuple[dict[str, Any], list[int]]:
        """The store, which keeps the nodes of the highest degrees."""

        def opened() -> tuple[Callable[[Tensor], Any], list[mmap.mmap]]:
            store = DiskFeatures(self.features.parent)
            store.keep(self.degree, KEPT)
            return lambda nodes: store.get_tensor(None, "x", nodes), []

        return self.by_index(opened, ALLOWED - KEPT)

    def pack(self) -> dict[str, Any]:
        """Draw the epoch beforehand, the file as limited as for the others."""
        dropped([self.features])
        store = DiskFeatures(self.features.parent)
        file = store.file(store.get_all_tensor_attrs()[0])
        limited, real = LimitedFile(self.features, ALLOWED - KEPT), file.read

        def read(index: Tensor) -> Tensor:
            rows = real(index)
            limited.limit(*self.rows(index))
            return rows

        file.read = read  # type: ignore[method-assign]
        before, begin = bytes_from_device(), time.perf_counter()
        pack_epochs(
            *(self.loader, store, self.packed), epochs=1, cache_bytes=KEPT, buffer_bytes=KEPT
        )
        return {
            "seconds": time.perf_counter() - begin - limited.seconds,
            "bytes": bytes_from_device() - before,
            "written": sum(path.stat().st_size for path in self.packed.iterdir()),
        }

    def from_packed(self) -> tuple[dict[str, Any], list[int]]:
        """What was packed. It gives pages back itself; how many are left is looked at."""
        files = sorted(self.packed.glob("*.rows"))
        dropped(files)
        watched = [LimitedFile(path, 0) for path in files]
        before, begin = bytes_from_device(), time.perf_counter()
        epochs, most = PackedEpochs(self.loader, self.packed), 0
        for number, _ in enumerate(epochs):
            if number % 4 == 0:  # in its time
                most = max(most, sum(int(each.resident().sum()) for each in watched))
        found: dict[str, Any] = {"seconds": time.perf_counter() - begin}
        found |= {"bytes": bytes_from_device() - before, "resident": most * mmap.PAGESIZE}
        found |= {"asked": epochs.bytes_read, "hits": epochs.num_hits, "misses": epochs.num_misses}
        return found, [checksum(batch.x) for batch in epochs.batches(0)]


def checksum(x: Tensor) -> int:
    raw: Any = x.contiguous().view(-1).numpy()
    return zlib.crc32(raw.data)


def measure(folder: Path) -> dict[str, Any]:
    """Everybody in turn. Whoever gives other rows than the mapped file is an error."""
    bench = Bench(folder)
    results: dict[str, Any] = {"machine": describe_machine(), "sampling": bench.sampling()}
    results["packing"] = bench.pack()
    sides = {
        MAPPED: lambda: bench.mapped(advised=False),
        ADVISED: lambda: bench.mapped(advised=True),
        ROWS: bench.by_row,
        PACKED: bench.from_packed,
    }
    sums, results["rows"] = {}, []
    for name, side in sides.items():
        found, sums[name] = side()
        results["rows"].append({"name": name, **found})
        print(name, found, flush=True)
    different = [name for name in sides if sums[name] != sums[MAPPED]]
    if different:
        raise AssertionError(f"{different}: other rows than those of the file")
    return results


def megabytes(count: float) -> str:
    return f"{count / 1e6:,.0f}"


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The page, line by line."""
    machine, packing, rows = (results[name] for name in ("machine", "packing", "rows"))
    by_name = {row["name"]: row for row in rows}
    mapped, packed = by_name[MAPPED], by_name[PACKED]
    yield "# Features on disk"
    yield ""
    yield (
        f"Made by `python -m benchmarks.disk`: one epoch of {BATCHES} batches of {SEEDS:,} seeds "
        f"with {' and '.join(map(str, HOPS))} neighbours, from a cold start, all in one run. The "
        f"graph is generated: {NODES:,} nodes, {EDGES:,} edges, sources that fall off as a power. "
        f"A row is {CHANNELS} float32; the file of {megabytes(FILE)} MB is three times the "
        f"{megabytes(ALLOWED)} MB that are allowed for features. MB read are those that the kernel "
        "fetched from the device for the process, with what it read ahead; seconds hold "
        f"sampling, {results['sampling']:.1f} s of it in each. Every batch of everybody was held "
        "against the mapped file by its checksum."
    )
    yield ""
    yield "| features | MB read | less | s | faster | page cache, MB |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in rows:
        yield (
            f"| {row['name']} | {megabytes(row['bytes'])} | {mapped['bytes'] / row['bytes']:.1f}x "
            f"| {row['seconds']:.1f} | {mapped['seconds'] / row['seconds']:.1f}x | "
            f"{megabytes(row['resident'])} |"
        )
    yield ""
    yield (
        '*mapped*: `numpy.load(mmap_mode="r")` indexed by `n_id`; *random*: the same, with '
        "`MADV_RANDOM`. *DiskFeatures* keeps the nodes of the highest degrees, *PackedEpochs* "
        f"those that are sampled most: {megabytes(KEPT)} MB of rows each, out of what is allowed. "
        f"These are {100 * packed['hits'] / (packed['hits'] + packed['misses']):.0f} % of the rows "
        "of the packed epoch; the others are what it reads, each once, and the rows in memory "
        "before them."
    )
    yield ""
    yield (
        f"Packing that epoch took {packing['seconds']:.1f} s, {megabytes(packing['bytes'])} MB "
        f"read, and {megabytes(packing['written'])} MB written, "
        f"{packing['written'] / FILE:.1f} times the file. Packing and one reading together are "
        f"{megabytes(packing['bytes'] + packed['bytes'])} MB read and "
        f"{packing['seconds'] + packed['seconds']:.1f} s."
    )
    yield ""
    yield (
        "How memory was limited: by the program itself, not by a control group. After each batch "
        "the pages of the file beyond the limit were given back "
        "(`posix_fadvise(DONTNEED)`), those least recently used first; `mincore` counts them. "
        "That is not timed. The limit is all that is allowed for the mapped file, and what the "
        "rows in memory leave of it for DiskFeatures and for packing. Within a batch the system "
        "keeps more, to the good of all but PackedEpochs, which gives back what it has read "
        "itself: the last column is the most that was seen before pages were given back. The rest "
        "of the process (the graph, the batches) is not limited."
    )
    yield ""
    yield (
        f"- {machine['cpu']}, {machine['cpus']} CPUs, one thread and one that reads ahead, load "
        f"{machine['load_average']} at the start"
    )
    yield f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}"


def page(results: dict[str, Any]) -> str:
    """The results as a page."""
    return "\n".join(lines(results)) + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary one")
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        results = measure(folder)
    finally:
        shutil.rmtree(folder)
    (RESULTS / "disk.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "disk.md").write_text(page(results), encoding="utf-8")
    print(page(results))


if __name__ == "__main__":
    main()
