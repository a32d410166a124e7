"""Cross-validation over graphs: which of them train, validate and test in each fold."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from graphpoly.data.files import DatasetError, check_reachable, default_root, first_line
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["GraphFold", "block_folds", "published_folds", "random_parts", "stratified_folds"]

_FOLDER = "tu_splits_gnncomparison"
_SECONDS = 30.0
_URL = (
    "https://raw.githubusercontent.com/diningphil/gnn-comparison/"
    "097d0a2c172149075e40ece474c30c222526dbcb/data_splits"
)
# dataset -> file, number of graphs; 90 % of what does not test trains, 10 % validates
_PUBLISHED = {
    "DD": ("CHEMICAL/DD", 1178),
    "ENZYMES": ("CHEMICAL/ENZYMES", 600),
    "NCI1": ("CHEMICAL/NCI1", 4110),
    "PROTEINS": ("CHEMICAL/PROTEINS_full", 1113),
    "IMDB-BINARY": ("COLLABORATIVE_1/IMDB-BINARY", 1000),
    "IMDB-MULTI": ("COLLABORATIVE_1/IMDB-MULTI", 1500),
    "REDDIT-BINARY": ("COLLABORATIVE_1/REDDIT-BINARY", 2000),
}


@dataclass(frozen=True, eq=False)
class GraphFold:
    """Three disjoint sets of graphs and where they come from.

    Args:
        name: Protocol.
        index: Which of its folds this is.
        train, val, test: Indices of graphs, each int64 ``[n]`` with n > 0.

    Raises:
        ValueError: If a set is no list of indices or empty, or a graph is in two of them or twice
            in one.

    Example:
        >>> fold = GraphFold("by-hand", 0, *torch.arange(6).split(2))
        >>> fold.sizes, fold.hash
        ((2, 2, 2), '...')
    """

    name: str
    index: int
    train: Tensor = field(repr=False)
    val: Tensor = field(repr=False)
    test: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        for part in ("train", "val", "test"):
            rows = getattr(self, part)
            whole = not rows.is_floating_point() and rows.dtype != torch.bool
            if not whole or rows.dim() != 1 or (rows < 0).any():
                raise ValueError(
                    f"{part}: got {list(rows.shape)} of {rows.dtype}, expected indices of graphs"
                )
            if rows.numel() == 0:
                raise ValueError(f"fold {self.index} of {self.name!r}: {part} is empty")
        together = torch.cat([self.train, self.val, self.test])
        if together.unique().numel() < together.numel():
            raise ValueError(f"fold {self.index} of {self.name!r}: a graph stands in it twice")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Number of training, validation and test graphs."""
        return (self.train.numel(), self.val.numel(), self.test.numel())

    @property
    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the three lists, in order of the index."""
        digest = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            digest.update(part.sort().values.to(torch.int64).numpy().tobytes())
            digest.update(b";")
        return digest.hexdigest()[:12]


@on_cpu()
def stratified_folds(y: Tensor, num_folds: int = 10, *, seed: int = 0) -> list[GraphFold]:
    """Divide graphs into folds with equal shares of every class.

    Fold i tests on part i, validates on part i + 1 and trains on the rest.

    Args:
        y: Class of each graph, ``[G]``.
        num_folds: Number of parts, at least 3.
        seed: Seeds the order within each class.

    Raises:
        ValueError: If ``y`` is not one class a graph, a class is NaN, or a part is empty.

    Example:
        >>> folds = stratified_folds(torch.arange(20) % 2, 5)
        >>> folds[0].sizes
        (12, 4, 4)
    """
    if num_folds < 3:
        raise ValueError(f"num_folds: got {num_folds}, at least 3 are needed")
    if y.dim() != 1 or not y.numel() or bool(y.isnan().any()):
        got = "NaN" if y.isnan().any() else list(y.shape)
        raise ValueError(f"y: got {got}, expected one class a graph, [G]")
    generator = torch.Generator().manual_seed(seed)
    parts: list[list[Tensor]] = [[] for _ in range(num_folds)]
    start = 0
    for label in y.unique():
        members = (y == label).nonzero().flatten()
        members = members[torch.randperm(members.numel(), generator=generator)]
        for i in range(num_folds):  # the next class goes on where this one stopped
            parts[(start + i) % num_folds].append(members[i::num_folds])
        start = (start + members.numel()) % num_folds
    joined = [torch.cat(part).sort().values for part in parts]
    folds = []
    for i in range(num_folds):
        held = (i, (i + 1) % num_folds)
        train = torch.cat([part for j, part in enumerate(joined) if j not in held])
        folds.append(GraphFold("stratified", i, train, joined[held[1]], joined[i]))
    return folds


@on_cpu()
def random_parts(rows: Tensor, seed: int, *, held: float = 0.2) -> list[Tensor]:
    """Divide rows at random into a training, a validation and a test part.

    Args:
        rows: What is divided, ``[n]``.
        seed: Seeds the order.
        held: Share of the validation part, and of the test part, at least one row each.

    >>> [len(part) for part in random_parts(torch.arange(10), 0)]
    [6, 2, 2]
    """
    order = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    size = max(1, round(held * len(rows)))
    return [order[2 * size :], order[:size], order[size : 2 * size]]


@on_cpu()
def block_folds(num_graphs: int, num_folds: int = 10) -> list[GraphFold]:
    """Divide graphs into folds of neighbours in the list, so that what stands together stays so.

    Fold i tests on block i, validates on block i + 1 and trains on the rest.

    Args:
        num_graphs: Number of graphs, at least ``num_folds``.
        num_folds: Number of blocks, at least 3.

    Example:
        >>> [part.tolist() for part in (block_folds(6, 3)[0].test, block_folds(6, 3)[0].val)]
        [[0, 1], [2, 3]]
    """
    if not 3 <= num_folds <= num_graphs:
        raise ValueError(f"num_folds: got {num_folds}, expected 3 to {num_graphs}, one a graph")
    blocks = torch.arange(num_graphs).tensor_split(num_folds)
    folds = []
    for i in range(num_folds):
        held = (i, (i + 1) % num_folds)
        train = torch.cat([block for j, block in enumerate(blocks) if j not in held])
        folds.append(GraphFold("blocks", i, train, blocks[held[1]], blocks[i]))
    return folds


@on_cpu()
def published_folds(dataset: str, root: str | Path | None = None) -> list[GraphFold]:
    """Return the ten folds of the fair comparison of Errica et al. (ICLR 2020).

    Each holds a tenth of the graphs for testing and a tenth of the rest for validation.

    Args:
        dataset: One of DD, ENZYMES, NCI1, PROTEINS, IMDB-BINARY, IMDB-MULTI, REDDIT-BINARY.
        root: Folder that holds all datasets; the files are looked for, and downloaded to,
            ``tu_splits_gnncomparison/`` below it.

    Raises:
        ValueError: If there are no such folds of the dataset.
        DatasetError: If the file is absent and cannot be downloaded, or is not what it should be.
    """
    if dataset not in _PUBLISHED:
        raise unknown("dataset with published folds", dataset, _PUBLISHED)
    source, num_graphs = _PUBLISHED[dataset]
    folder = Path(default_root() if root is None else root).expanduser() / _FOLDER
    path = folder / f"{source.rpartition('/')[2]}_splits.json"
    if not path.exists():
        _download(f"{_URL}/{source}_splits.json", path)
    try:
        folds = [_parse(i, fold) for i, fold in enumerate(json.loads(path.read_text("utf-8")))]
        tested = torch.cat([fold.test for fold in folds]).sort().values
        if not torch.equal(tested, torch.arange(num_graphs)):
            raise ValueError(f"its folds do not test each of {num_graphs} graphs once")
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise DatasetError(
            f"folds of {dataset!r}: {path} is cut short or altered ({first_line(error)}); delete "
            "it to have it downloaded again"
        ) from error
    return folds


def _parse(index: int, fold: dict[str, list]) -> GraphFold:
    (inner,) = fold["model_selection"]
    parts = (inner["train"], inner["validation"], fold["test"])
    return GraphFold("gnn-comparison", index, *(torch.tensor(part) for part in parts))


def _download(url: str, path: Path) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        check_reachable(url, _SECONDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            partial.write_bytes(answer.read())
        os.replace(partial, path)
    except OSError as error:
        raise DatasetError(
            f"{path} is absent and the download failed: {first_line(error)}; put the file there, "
            "pass another root, or set GRAPHPOLY_DATA"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
