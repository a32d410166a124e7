"""Node classification graphs by name, through PyG's own dataset classes."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_geometric.datasets
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    default_root,
    find_damaged,
    first_line,
    is_storage_error,
    network_timeout,
    remove_empty_folders,
)
from graphpoly.data.filtered_wikipedia import FilteredWikipedia
from graphpoly.data.undirected import as_undirected
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["load_node_data", "node_dataset_names", "node_sources"]

# seconds that a connection may stay silent before a download is given up
_CONNECT_SECONDS = 15.0
_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class _Source:
    """A PyG dataset, its folder below the root, and the counts by which it is recognised."""

    cls: str
    folder: str
    arguments: Mapping[str, Any]
    nodes: int
    edges: int
    features: int
    classes: int


def _planetoid(name: str, *counts: int) -> _Source:
    return _Source("Planetoid", "planetoid", {"name": name}, *counts)


def _webkb(name: str, *counts: int) -> _Source:
    return _Source("WebKB", "webkb", {"name": name}, *counts)


def _wikipedia(name: str, *counts: int) -> _Source:
    arguments = {"name": name, "geom_gcn_preprocess": True}
    return _Source("WikipediaNetwork", "wikipedia", arguments, *counts)


def _heterophilous(name: str, *counts: int) -> _Source:
    return _Source("HeterophilousGraphDataset", "heterophilous", {"name": name}, *counts)


def _filtered(name: str, *counts: int) -> _Source:
    return _Source("FilteredWikipedia", "heterophilous_extra", {"name": name}, *counts)


def _citation_full(name: str, *counts: int) -> _Source:
    return _Source("CitationFull", "citation_full", {"name": name}, *counts)


def _airports(name: str, *counts: int) -> _Source:
    return _Source("Airports", "airports", {"name": name}, *counts)


def _linkx(name: str, *counts: int) -> _Source:
    return _Source("LINKXDataset", "linkx", {"name": name}, *counts)


# nodes, directed edges, features, classes; 0 is not checked
_SOURCES = {
    "cora": _planetoid("Cora", 2708, 10556, 1433, 7),
    "citeseer": _planetoid("CiteSeer", 3327, 9104, 3703, 6),
    "pubmed": _planetoid("PubMed", 19717, 88648, 500, 3),
    "texas": _webkb("texas", 183, 325, 1703, 5),
    "cornell": _webkb("cornell", 183, 298, 1703, 5),
    "wisconsin": _webkb("wisconsin", 251, 515, 1703, 5),
    "actor": _Source("Actor", "actor", {}, 7600, 30019, 932, 5),
    "chameleon": _wikipedia("chameleon", 2277, 36101, 2325, 5),
    "squirrel": _wikipedia("squirrel", 5201, 217073, 2089, 5),
    "minesweeper": _heterophilous("minesweeper", 10000, 78804, 7, 2),
    "tolokers": _heterophilous("tolokers", 11758, 1038000, 10, 2),
    "chameleon-filtered": _filtered("chameleon_filtered", 890, 17708, 2325, 5),
    "squirrel-filtered": _filtered("squirrel_filtered", 2223, 93996, 2089, 5),
    "photo": _Source("Amazon", "amazon", {"name": "photo"}, 7650, 238162, 745, 8),
    "computers": _Source("Amazon", "amazon", {"name": "computers"}, 13752, 491722, 767, 10),
    "roman-empire": _heterophilous("Roman-empire", 22662, 65854, 300, 18),
    "amazon-ratings": _heterophilous("Amazon-ratings", 24492, 186100, 300, 5),
    "questions": _heterophilous("Questions", 48921, 307080, 301, 2),
    "cora-ml": _citation_full("Cora_ML", 2995, 16316, 2879, 7),
    "cora-full": _citation_full("Cora", 19793, 126842, 8710, 70),
    "citeseer-full": _citation_full("CiteSeer", 4230, 10674, 602, 6),
    "dblp": _citation_full("DBLP", 17716, 105734, 1639, 4),
    "airports-usa": _airports("USA", 1190, 13599, 1190, 4),
    "airports-brazil": _airports("Brazil", 131, 1074, 131, 4),
    "airports-europe": _airports("Europe", 399, 5995, 399, 4),
    "lastfm-asia": _Source("LastFMAsia", "lastfm_asia", {}, 7624, 55612, 128, 18),
    "johnshopkins55": _linkx("johnshopkins55", 5180, 373172, 2406, 2),
    "cornell5": _linkx("cornell5", 18660, 1581554, 4735, 2),
    # of the rest of this family no counts are at hand
    "penn94": _linkx("penn94", 0, 0, 0, 0),
    "reed98": _linkx("reed98", 0, 0, 0, 0),
    "amherst41": _linkx("amherst41", 0, 0, 0, 0),
    "genius": _linkx("genius", 0, 0, 0, 0),
    "cs": _Source("Coauthor", "coauthor", {"name": "cs"}, 18333, 163788, 6805, 15),
    "physics": _Source("Coauthor", "coauthor", {"name": "physics"}, 34493, 495924, 8415, 5),
}

# the graphs of geom-gcn come with its ten masks anyway
_TEN_MASKS = ("WebKB", "Actor", "WikipediaNetwork")


def node_dataset_names() -> list[str]:
    """Return the names that :func:`load_node_data` knows.

    >>> "cora" in node_dataset_names()
    True
    """
    return list(_SOURCES)


def node_sources() -> Mapping[str, _Source]:
    """Return what is known of each of :func:`node_dataset_names`."""
    return _SOURCES


@on_cpu()
def load_node_data(
    name: str,
    root: str | Path | None = None,
    *,
    masks: str | None = None,
    undirected: bool = False,
) -> Data:
    """Load one graph, downloading it on first use.

    Args:
        name: One of :func:`node_dataset_names`, in any case.
        root: Folder that holds all datasets, each family in a folder of its own (``planetoid``,
            ``webkb``, ``wikipedia``, ``actor``, ``heterophilous``, ``heterophilous_extra``,
            ``amazon``, ``coauthor``, ``citation_full``, ``airports``, ``lastfm_asia``, ``linkx``);
            by default :func:`~graphpoly.data.default_root`.
        masks: ``None`` for the masks that PyG gives the dataset; ``"geom-gcn"`` for the ten
            48/32/20 masks, which the three Planetoid graphs have besides their public one.
        undirected: Add the missing reverse edges, see :func:`as_undirected`.

    Returns:
        ``x``, ``edge_index``, ``y`` and, except for Amazon and Coauthor, masks.

    Raises:
        ValueError: If the name is unknown or the dataset has no such masks.
        DatasetError: If the files are absent and cannot be downloaded, or if they are cut short
            or altered. Files that were there before are never overwritten or removed.
    """
    key = name.lower()
    if key not in _SOURCES:
        raise unknown("dataset", name, _SOURCES)
    source = _SOURCES[key]
    arguments = dict(source.arguments)
    if masks == "geom-gcn" and source.cls == "Planetoid":
        arguments["split"] = "geom-gcn"
    elif masks is not None and not (masks == "geom-gcn" and source.cls in _TEN_MASKS):
        raise ValueError(
            f"masks must be None, or 'geom-gcn' for a graph of Planetoid or geom-gcn; "
            f"got {masks!r} for {key!r}"
        )
    folder = Path(default_root() if root is None else root).expanduser() / source.folder
    try:
        data: Data = _guarded(key)(str(folder), **arguments)[0]
    except OSError as error:
        raise DatasetError(
            f"dataset {key!r}: cannot use the folder {folder} ({first_line(error)}); "
            "pass a root that can be written to, or set GRAPHPOLY_DATA"
        ) from error
    return as_undirected(data) if undirected else data


def labelled_nodes(name: str, root: str | Path | None = None) -> Tensor | None:
    """Return which nodes of a graph of Planetoid have a label in its files, or None if all have.

    Citeseer's list of test nodes has 15 gaps. They get no features, and PyG reads their labels as
    the first class; the files must be there.
    """
    source = _SOURCES[name.lower()]
    called = str(source.arguments["name"])
    folder = Path(default_root() if root is None else root).expanduser() / source.folder / called
    given = np.loadtxt(folder / "raw" / f"ind.{called.lower()}.test.index", dtype=np.int64)
    absent = np.setdiff1d(np.arange(given.min(), given.max() + 1), given)
    if not absent.size:
        return None
    known = torch.ones(source.nodes, dtype=torch.bool)
    known[torch.from_numpy(absent)] = False
    return known


class _Guard(InMemoryDataset):
    """Mixed into a PyG dataset: its files arrive whole or not at all, and are checked when read."""

    key: str
    _staging: str | None = None

    @property
    def raw_dir(self) -> str:
        return str(super().raw_dir) if self._staging is None else self._staging

    def download(self) -> None:
        raw = Path(self.raw_dir)
        absent = [os.path.basename(path) for path in self.raw_paths if not os.path.exists(path)]
        try:
            check_reachable(_address(self), _CONNECT_SECONDS)
            with (
                tempfile.TemporaryDirectory(dir=raw.parent, prefix=".download-") as staging,
                network_timeout(_STALL_SECONDS),
            ):
                self._staging = staging
                try:
                    super().download()
                finally:
                    self._staging = None
                for fetched in Path(staging).iterdir():
                    if not (raw / fetched.name).exists():
                        os.replace(fetched, raw / fetched.name)
        except Exception as error:  # fsspec, aiohttp and urllib share no base class
            remove_empty_folders(raw, Path(self.root).parent)
            raise DatasetError(
                f"dataset {self.key!r}: {len(absent)} raw files are absent from {raw} (such as "
                f"{absent[0]}) and the download failed: {first_line(error)}; put the files there, "
                "pass another root, or set GRAPHPOLY_DATA"
            ) from error

    def _process(self) -> None:
        try:
            super()._process()
        except (DatasetError, MemoryError, OSError):
            raise
        except Exception as error:  # of what PyG keeps beside the data
            folder = Path(self.processed_dir)
            path, reason = find_damaged([folder]) or (folder, first_line(error))
            raise self._cut(path, reason) from error

    def process(self) -> None:
        try:
            super().process()
        except (DatasetError, MemoryError):
            raise
        except Exception as error:  # a broken file can raise anything inside a parser
            if is_storage_error(error):
                raise
            raise self._raw_error(first_line(error)) from error

    def save(self, data_list: Sequence[Data], path: str) -> None:
        wrong = _wrong_counts(data_list[0], self.key)
        if wrong:
            raise self._raw_error(f"they give {wrong}")
        partial = f"{path}.{os.getpid()}.part"
        try:
            super().save(data_list, partial)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)

    def load(self, path: str, data_cls: type[Data] = Data) -> None:
        try:
            super().load(path, data_cls)
            wrong = _wrong_counts(self._data, self.key)
        except MemoryError:
            raise
        except Exception as error:
            if is_storage_error(error):
                raise
            wrong = first_line(error)
        if wrong:
            raise self._cut(path, wrong)

    def _cut(self, path: str | Path, reason: str) -> DatasetError:
        return DatasetError(
            f"dataset {self.key!r}: {path} is cut short or altered ({reason}); delete it and it is "
            "made anew from the raw files"
        )

    def _raw_error(self, reason: str) -> DatasetError:
        raw = Path(self.raw_dir)
        damaged = find_damaged([raw])
        where = f"the files in {raw}" if damaged is None else f"{damaged[0]} ({damaged[1]})"
        return DatasetError(
            f"dataset {self.key!r}: cannot use {where}: {reason}; put a whole copy there, or "
            "delete it to have it downloaded again"
        )


def _address(dataset: Any) -> str:
    """Return one address that a class of PyG downloads from; each calls it something else."""
    names = ("processed_url", "url", "github_url", "edge_url")
    return next(str(found) for name in names if (found := getattr(dataset, name, None)))


@functools.cache
def _guarded(key: str) -> type[InMemoryDataset]:
    name = _SOURCES[key].cls
    own = FilteredWikipedia if name == FilteredWikipedia.__name__ else None
    base = getattr(torch_geometric.datasets, name) if own is None else own
    return type(base.__name__, (_Guard, base), {"key": key})


def _wrong_counts(data: Data, key: str) -> str:
    source = _SOURCES[key]
    counts = {
        "nodes": (data.num_nodes, source.nodes),
        "edges": (data.num_edges, source.edges),
        "features": (data.num_node_features, source.features),
        "classes": (int(data.y.max()) + 1, source.classes),
    }
    return ", ".join(
        f"{got} {what} instead of {expected}"
        for what, (got, expected) in counts.items()
        if expected and got != expected
    )
