"""Open Graph Benchmark: its own dataset classes and evaluators, usable on current PyTorch.

ogb 1.3.6 was written for earlier releases. As it stands, its second load of any dataset fails
(``torch.load`` refuses what the first load saved), it asks questions on standard input, its
import starts a thread that looks for updates on the network, and it downloads without a timeout.
Here each of these is set right for the duration of the call, inside ogb's own module: neither
``torch.load`` nor anything else that other code can see is replaced.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import os
import pickle
import shutil
import sys
import tempfile
import threading
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch

from graphpoly.data.arrays import load_arrays
from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    find_damaged,
    first_line,
    is_storage_error,
    network_timeout,
    pyg_storage_allowed,
)
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.ogb_files import absent, is_occupied, ogb_folder

__all__ = ["load_ogb_graph", "load_ogb_link", "load_ogb_node", "ogb_evaluator"]

_LOCK = threading.RLock()
_PACKAGES = {
    "ogbg": "ogb.graphproppred",
    "ogbn": "ogb.nodeproppred",
    "ogbl": "ogb.linkproppred",
}
_CONNECT_SECONDS = 15.0
_STALL_SECONDS = 60.0


def load_ogb_graph(
    name: str,
    root: str | Path | None = None,
    *,
    meta_dict: Mapping[str, Any] | None = None,
    max_gigabytes: float = 1.0,
) -> tuple[Any, dict[str, torch.Tensor]]:
    """Load a graph property prediction dataset, downloading it on first use.

    Args:
        name: Such as ``"ogbg-molhiv"``.
        root: Folder that holds all datasets; those of OGB are looked for in ``ogb/`` below it,
            and in ``root`` itself where a copy is there already. By default
            :func:`~graphpoly.data.default_root`.
        meta_dict: Description of a dataset of your own in OGB's format, as
            ``PygGraphPropPredDataset`` takes it; its ``dir_path`` replaces ``root``.
        max_gigabytes: Refuse to download an archive larger than this.

    Returns:
        The ``PygGraphPropPredDataset``, and index tensors by ``"train"``, ``"valid"``, ``"test"``.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If files are absent and cannot be downloaded, or are cut short or altered.

    Notes:
        Nothing that is read can run code. What ogb has processed is read with ``weights_only=True``
        and a fixed list of PyG's storage classes, and splits by a reader that knows arrays and
        tensors alone.
    """
    return _load("ogbg", "PygGraphPropPredDataset", name, root, meta_dict, max_gigabytes)


def load_ogb_node(
    name: str,
    root: str | Path | None = None,
    *,
    meta_dict: Mapping[str, Any] | None = None,
    max_gigabytes: float = 1.0,
) -> tuple[Any, dict[str, Any]]:
    """Load a node property prediction dataset, such as ``"ogbn-arxiv"``.

    Arguments, result and errors are those of :func:`load_ogb_graph`, with a
    ``PygNodePropPredDataset``.
    """
    return _load("ogbn", "PygNodePropPredDataset", name, root, meta_dict, max_gigabytes)


def load_ogb_link(
    name: str,
    root: str | Path | None = None,
    *,
    meta_dict: Mapping[str, Any] | None = None,
    max_gigabytes: float = 1.0,
) -> tuple[Any, dict[str, Any]]:
    """Load a link property prediction dataset, such as ``"ogbl-ddi"``.

    Arguments, result and errors are those of :func:`load_ogb_graph`, with a
    ``PygLinkPropPredDataset``.
    """
    return _load("ogbl", "PygLinkPropPredDataset", name, root, meta_dict, max_gigabytes)


def ogb_evaluator(name: str) -> Any:
    """Return OGB's own ``Evaluator`` for a graph, node or link dataset.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> evaluator = ogb_evaluator("ogbg-molhiv")
        >>> y = torch.tensor([[0], [1], [1]])
        >>> float(evaluator.eval({"y_true": y, "y_pred": y.float()})["rocauc"])
        1.0
    """
    package = _import(_PACKAGES.get(name[:4], "ogb.graphproppred"))
    known = _master(package)
    if name not in known:
        raise unknown("OGB dataset", name, known)
    return package.Evaluator(name)


@on_cpu()
def _load(
    prefix: str,
    cls: str,
    name: str,
    root: str | Path | None,
    meta_dict: Mapping[str, Any] | None,
    max_gigabytes: float,
) -> tuple[Any, dict[str, Any]]:
    package = _import(_PACKAGES[prefix])
    if meta_dict is None:
        known = _master(package)
        if name not in known:
            raise unknown("OGB dataset", name, known)
        meta: Mapping[str, Any] = known[name]
        folder = ogb_folder(root, name)
        base = folder.parent
    else:
        meta = dict(meta_dict)
        base = folder = Path(meta["dir_path"])

    if meta_dict is None and not is_occupied(folder):
        _download(name, meta, folder, max_gigabytes)
    _check_folder(name, meta, folder)
    module = importlib.import_module(f"{package.__name__}.dataset_pyg")
    with _patched(module):
        try:
            dataset = getattr(module, cls)(
                name=name, root=str(base), meta_dict=None if meta_dict is None else meta
            )
            split = dataset.get_edge_split() if prefix == "ogbl" else dataset.get_idx_split()
        except (DatasetError, MemoryError):
            raise
        except Exception as error:  # a broken file can raise anything inside a parser
            if is_storage_error(error):
                raise DatasetError(
                    f"dataset {name!r}: cannot use the folder {folder} ({first_line(error)}); "
                    "pass a root that can be written to, or set GRAPHPOLY_DATA"
                ) from error
            damaged = find_damaged([folder])
            where = f"the files in {folder}" if damaged is None else f"{damaged[0]}: {damaged[1]}"
            raise DatasetError(
                f"dataset {name!r}: cannot use {where} ({first_line(error)}); "
                + _advice(folder, damaged)
            ) from error
    if prefix == "ogbg":
        _check_split(name, folder, split, len(dataset))
    return dataset, split


def _advice(folder: Path, damaged: tuple[Path, str] | None) -> str:
    if damaged is not None and damaged[0].parent.name == "processed":
        return "delete that file and it is made anew"
    return f"put a whole copy there, or move {folder} away to download it again"


def _import(package: str) -> ModuleType:
    """Import a package of ogb without the thread that looks for a newer release.

    The thread is no daemon and sets no timeout: a process that ends soon would wait for it. ogb
    leaves it out where ``outdated`` cannot be imported.
    """
    with _LOCK:
        if "ogb" in sys.modules:
            return importlib.import_module(package)
        held = sys.modules.get("outdated")
        flag = os.environ.get("OUTDATED_IGNORE")
        sys.modules["outdated"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("ogb")
        finally:
            if held is None:
                del sys.modules["outdated"]
            else:
                sys.modules["outdated"] = held
            if flag is None:
                os.environ.pop("OUTDATED_IGNORE", None)
        return importlib.import_module(package)


def _master(package: ModuleType) -> dict[str, dict[str, str]]:
    """Read ogb's own table of datasets: name -> property -> value."""
    assert package.__file__ is not None
    with Path(package.__file__).with_name("master.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    return {
        name: {row[0]: row[column] for row in rows} for column, name in enumerate(header) if name
    }


def _check_folder(name: str, meta: Mapping[str, Any], folder: Path) -> None:
    """Refuse a folder that ogb would ask about, or replace by a download, with its contents."""
    release = folder / f"RELEASE_v{meta['version']}.txt"
    if not release.exists():
        raise DatasetError(
            f"dataset {name!r}: {folder} has no {release.name}, so it is another version or "
            "incomplete; move it away to download it again, or, if the data is right, create "
            "that file"
        )
    if str(meta["binary"]) == "True":
        hetero = str(meta.get("is hetero", "False")) == "True"
        required = ["edge_index_dict.npz"] if hetero else ["data.npz"]
    elif str(meta.get("is hetero", "False")) == "True":
        required = ["num-node-dict.csv.gz", "triplet-type-list.csv.gz"]
    else:
        required = ["edge.csv.gz"]
        required += ["node-feat.csv.gz"] * (str(meta["has_node_attr"]) == "True")
        required += ["edge-feat.csv.gz"] * (str(meta["has_edge_attr"]) == "True")
    for raw in required:
        if not (folder / "raw" / raw).exists():
            raise DatasetError(
                f"dataset {name!r}: {folder / 'raw' / raw} is absent; add it, or move {folder} "
                "away to download the dataset again"
            )


def _check_split(name: str, folder: Path, split: Mapping[str, Any], num_graphs: int) -> None:
    parts = [torch.as_tensor(part) for part in split.values()]
    indices = torch.cat(parts)
    in_range = indices.numel() == 0 or (int(indices.min()) >= 0 and int(indices.max()) < num_graphs)
    if not in_range or indices.unique().numel() != indices.numel():
        raise DatasetError(
            f"dataset {name!r}: the files in {folder / 'split'} are altered: they name a graph "
            f"twice or one beyond the {num_graphs} that there are; put a whole copy there"
        )


def _download(name: str, meta: Mapping[str, Any], folder: Path, max_gigabytes: float) -> None:
    url = str(meta["url"])
    try:
        check_reachable(url, _CONNECT_SECONDS)
        with network_timeout(_STALL_SECONDS):
            with urllib.request.urlopen(url) as answer:
                gigabytes = int(answer.headers.get("Content-Length", 0)) / 2**30
            if gigabytes > max_gigabytes:
                raise DatasetError(
                    f"dataset {name!r}: the archive has {gigabytes:.2f} GB; "
                    f"pass max_gigabytes={gigabytes + 0.01:.2f} to download it"
                )
            _fetch(url, str(meta["download_name"]), folder)
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(absent(name, folder, first_line(error))) from error


def _fetch(url: str, member: str, folder: Path) -> None:
    """Download and unpack beside ``folder``, and move the result there once it is whole."""
    from ogb.utils.url import download_url, extract_zip

    created = not folder.parent.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as staging:
            with contextlib.redirect_stdout(sys.stderr):
                extract_zip(download_url(url, staging), staging)
            if folder.is_dir():
                shutil.rmtree(folder)  # holds no file: see is_occupied
            shutil.move(os.path.join(staging, member), folder)
    except BaseException:
        if created:
            with contextlib.suppress(OSError):
                folder.parent.rmdir()
        raise


class _Torch(ModuleType):
    """``torch`` as ogb's module sees it: reads what it wrote, and writes whole files only."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def load(self, file: Any) -> Any:
        if Path(file).parent.name != "processed":
            return load_arrays(file)
        try:
            with pyg_storage_allowed():
                return torch.load(file, weights_only=True)
        except pickle.UnpicklingError as error:  # torch advises to trust it
            raise ValueError(f"{file}: is altered, it holds more than graphs") from error

    def save(self, obj: Any, file: str) -> None:
        partial = f"{file}.{os.getpid()}.part"
        try:
            torch.save(obj, partial)
            os.replace(partial, file)
        finally:
            Path(partial).unlink(missing_ok=True)


def _refuse_input(prompt: str = "") -> NoReturn:
    raise RuntimeError(f"ogb asks: {prompt.strip()}")


@contextlib.contextmanager
def _patched(module: ModuleType) -> Iterator[None]:
    """Give one module of ogb its own ``torch`` and ``input``, and send its chatter to stderr."""
    with _LOCK:
        original = module.__dict__["torch"]
        module.__dict__["torch"] = _Torch("torch")
        module.__dict__["input"] = _refuse_input
        try:
            with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
                # pandas hands out read-only arrays; collating copies them
                warnings.filterwarnings("ignore", "The given NumPy array is not writable")
                yield
        finally:
            module.__dict__["torch"] = original
            del module.__dict__["input"]
