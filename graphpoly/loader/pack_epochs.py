"""Draw epochs beforehand, and write the features of each batch where one read finds them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphpoly.loader.bar import bar
from graphpoly.loader.disk_features import DiskFeatures
from graphpoly.loader.hot_rows import HotRows, hottest
from graphpoly.loader.packed_epochs import PackedEpochs, checksum, kept_rows, numbered
from graphpoly.loader.packed_files import (
    Block,
    BlockReader,
    Feature,
    Manifest,
    chunk_name,
    write_blocks,
)
from graphpoly.loader.seeded_epoch import sampled_nodes, samples

__all__ = ["pack_epochs"]


def pack_epochs(
    loader: Any,
    store: DiskFeatures,
    folder: str | Path,
    *,
    epochs: int,
    cache_bytes: int,
    seed: int = 0,
    buffer_bytes: int = 2**27,
    progress: bool = False,
) -> PackedEpochs:
    """Draw the epochs of a neighbour loader beforehand, and pack their features, after DiskGNN.

    What will be read is then known. The nodes that are sampled most stay in memory; for each batch
    the rows of all its other nodes are written side by side, in the order in which it has them. So
    a batch is one read of consecutive bytes, none of them unused, where a row of a mapped file
    costs a page. DiskGNN: Efficient Disk-based GNN Training, Liu et al., arXiv:2405.05231.

    The rows of several batches are gathered from the store together and in its order, so that
    packing reads it nearly from end to end. It goes on where it was killed: each file is written
    whole or not at all, those that are there are held against their checksums, and what is not as
    it was written is written again.

    Args:
        loader: A :class:`~graphpoly.loader.NeighborLoader` of ``(store, data)``, or of ``data``
            that holds everything but what is in the store; ``LinkNeighborLoader`` and ``HGTLoader``
            serve as well. Epoch k is what it draws after ``torch.manual_seed(seed + k)``, see
            :func:`~graphpoly.loader.seeded_epoch`.
        store: The features.
        folder: Where to write; it may hold what an earlier call has left.
        epochs: How many to draw. The folder takes the rows of all their batches, less what is kept.
        cache_bytes: Memory for the rows of the nodes that are sampled most.
        seed: Of the first epoch.
        buffer_bytes: Rows that are gathered together, and about the size of a file.
        progress: Draw a bar of the batches done.

    Returns:
        The loader of these epochs.

    Raises:
        OSError: If a file cannot be read or written.
        TypeError: If ``store`` is of another class.
        ValueError: If there is nothing to pack, if an attribute has not one row for each node, or
            if the folder was packed for another seed, graph or loader, or from other features.

    Complexity: each epoch is sampled twice, once more when it is read. Memory of two buffers and of
    8 bytes for each node of the graph.

    What differs from the published system: rows that several batches share are written for each, so
    there is no cache on the disk nor a segment to search the size of; reads go through the page
    cache, which is told to drop them; the cache is one, of the CPU. Neighbours are sampled again
    instead of stored, so that the folder holds rows alone.
    """
    folder = Path(folder)
    plan = _plan(loader, store, epochs, cache_bytes, seed, buffer_bytes)
    earlier = Manifest.read(folder) if (folder / "manifest.json").exists() else None
    if earlier is not None:
        _same(plan, earlier, folder)
    folder.mkdir(parents=True, exist_ok=True)
    reader = BlockReader(folder)
    begun = earlier is not None and reader.holds("hot.rows", [earlier.hot])
    with bar("packing", (1 if begun else 2) * epochs * len(loader), shown=progress) as done:
        if earlier is not None and begun:
            plan.hot = earlier.hot
        else:
            plan.hot = _written_hot(folder, plan, store, _most_sampled(loader, plan, done))
        hot = {group: kept.without_rows() for group, kept in kept_rows(reader, plan).items()}
        drawn = _drawn(loader, plan)
        for blocks in [] if earlier is None else earlier.chunks:
            batches = list(itertools.islice(drawn, len(blocks)))
            if any(map(_other, blocks, batches, itertools.repeat(plan.groups))):
                raise ValueError(f"loader: samples what was not packed in {folder}")
            name = chunk_name(len(plan.chunks))
            whole = reader.holds(name, blocks)
            plan.chunks.append(
                blocks if whole else _written(folder / name, plan, store, hot, batches)
            )
            done(len(blocks))
        for batches in _gathered(drawn, plan, hot, buffer_bytes):
            path = folder / chunk_name(len(plan.chunks))
            plan.chunks.append(_written(path, plan, store, hot, batches))
            plan.write(folder)
            done(len(batches))
        plan.write(folder)
    return PackedEpochs(loader, folder)


def _plan(
    loader: Any, store: Any, epochs: int, cache_bytes: int, seed: int, buffer_bytes: int
) -> Manifest:
    """What is to be packed, no rows chosen yet."""
    if not isinstance(store, DiskFeatures):
        raise TypeError(f"store: got {type(store).__name__}, expected DiskFeatures")
    least = {"epochs": (epochs, 1), "cache_bytes": (cache_bytes, 0), "seed": (seed, 0)}
    for name, (got, bound) in {**least, "buffer_bytes": (buffer_bytes, 1)}.items():
        if got < bound:
            raise ValueError(f"{name}: got {got}, expected at least {bound}")
    pair = isinstance(loader.data, tuple | list)
    if pair and loader.data[0] is not store:
        raise ValueError("store: is not the one that the loader has")
    sampler = getattr(loader, "node_sampler", None) or loader.link_sampler
    sizes = sampler.num_nodes if isinstance(sampler.num_nodes, dict) else {None: sampler.num_nodes}
    features = []
    for attr in store.get_all_tensor_attrs():
        file, group, name = store.file(attr), attr.group_name, attr.attr_name
        said = name if group is None else f"{group}.{name}"
        if group not in sizes:
            raise ValueError(f"{said}: the graph has no nodes of that type")
        if file.shape[0] != sizes[group]:
            raise ValueError(f"{said}: has {file.shape[0]} rows, the graph {sizes[group]} nodes")
        if not pair and name in (loader.data[group] if group else loader.data):
            raise ValueError(f"{said}: is in the store and in the graph")
        dtype = str(file.dtype).removeprefix("torch.")
        features.append(Feature(group, name, dtype, list(file.shape), file.changed))
    if not features:
        raise ValueError(f"store: holds nothing in {store.folder}")
    features.sort(key=lambda each: each.group or "")
    return Manifest(seed, epochs, len(loader), cache_bytes, features, Block(0, [], 0, 0))


def _same(plan: Manifest, earlier: Manifest, folder: Path) -> None:
    """See to it that what is there was packed as this is."""
    then = earlier.settings
    for name, value in plan.settings.items():
        if name == "features":
            for one, other in itertools.zip_longest(value, then[name]):
                if one != other:
                    what = (one or other)["name"]
                    raise ValueError(f"{what}: is not what it was when {folder} was packed")
        elif value != then[name]:
            raise ValueError(f"{name}: got {value}, {folder} was packed with {then[name]}")


def _other(block: Block, nodes: dict[str | None, Tensor], groups: list[str | None]) -> bool:
    return block.ids != checksum(nodes, groups)


def _drawn(loader: Any, plan: Manifest) -> Iterator[dict[str | None, Tensor]]:
    """The nodes of each batch, epoch by epoch."""
    for epoch in range(plan.epochs):
        for out in samples(loader, plan.seed + epoch):
            yield sampled_nodes(loader, out)


def _most_sampled(
    loader: Any, plan: Manifest, done: Callable[[int], None]
) -> dict[str | None, Tensor]:
    """The nodes that are kept: by in how many batches each is, at least two."""
    sizes = {group: plan.of(group)[0].shape[0] for group in plan.groups}
    counts = {
        group: torch.zeros(size, dtype=torch.int64, device="cpu") for group, size in sizes.items()
    }
    for nodes in _drawn(loader, plan):
        for group, count in counts.items():
            if group in nodes:
                count[nodes[group].unique()] += 1
        done(1)
    scores = {group: (count - 1).clamp_(min=0) for group, count in counts.items()}
    return hottest(scores, {group: plan.row_bytes(group) for group in scores}, plan.cache_bytes)


def _written_hot(
    folder: Path, plan: Manifest, store: DiskFeatures, nodes: dict[str | None, Tensor]
) -> Block:
    parts = []
    for group in plan.groups:
        parts.append(nodes[group])
        parts += [store.file(each.attr).read(nodes[group]) for each in plan.of(group)]
    counts = [nodes[group].numel() for group in plan.groups]
    (block,) = write_blocks(folder / "hot.rows", [(0, counts, parts)])
    return block


def _gathered(
    drawn: Iterator[dict[str | None, Tensor]],
    plan: Manifest,
    hot: dict[str | None, HotRows],
    buffer_bytes: int,
) -> Iterator[list[dict[str | None, Tensor]]]:
    """Batches together whose rows fill a buffer."""
    some: list[dict[str | None, Tensor]] = []
    size = 0
    for nodes in drawn:
        rows = {group: _cold(nodes, group, hot).numel() for group in plan.groups}
        more = sum(count * plan.row_bytes(group) for group, count in rows.items())
        if some and size + more > buffer_bytes:
            yield some
            some, size = [], 0
        some.append(nodes)
        size += more
    if some:
        yield some


def _cold(
    nodes: dict[str | None, Tensor], group: str | None, hot: dict[str | None, HotRows]
) -> Tensor:
    once, _ = numbered(nodes.get(group, torch.empty(0, dtype=torch.int64, device="cpu")))
    return once[hot[group].split(once)[2]]


def _written(
    path: Path,
    plan: Manifest,
    store: DiskFeatures,
    hot: dict[str | None, HotRows],
    batches: list[dict[str | None, Tensor]],
) -> list[Block]:
    """Write the rows of some batches, each read once from the store."""
    cold = {group: [_cold(nodes, group, hot) for nodes in batches] for group in plan.groups}
    places, rows = {}, {}
    for group, parts in cold.items():
        union, place = torch.cat(parts).unique(return_inverse=True)
        places[group] = place.split([part.numel() for part in parts])
        rows[group] = [store.file(each.attr).read(union) for each in plan.of(group)]

    def block(number: int, nodes: dict[str | None, Tensor]) -> tuple[int, list[int], list[Tensor]]:
        at = {group: places[group][number] for group in plan.groups}
        counts = [place.numel() for place in at.values()]
        parts = [held[at[group]] for group in plan.groups for held in rows[group]]
        return checksum(nodes, plan.groups), counts, parts

    return write_blocks(path, itertools.starmap(block, enumerate(batches)))
