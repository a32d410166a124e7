"""A short hash of data, so that a run is not resumed on other data than it began with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["fingerprint"]

_LENGTH = 12


def fingerprint(*values: Any) -> str:
    """Hash tensors, graphs, datasets and plain values into 12 hexadecimal digits.

    An in-memory dataset is hashed through its collated storage. Of a dataset that is neither a list
    nor in memory only the type and the length count, since reading all of it could take hours.

    Example:
        >>> fingerprint(torch.arange(3)) == fingerprint(torch.arange(3))
        True
        >>> fingerprint(torch.arange(3)) == fingerprint(torch.arange(4))
        False
    """
    digest = hashlib.sha256()
    for value in values:
        _update(digest, value)
    return digest.hexdigest()[:_LENGTH]


def _update(digest: hashlib._Hash, value: Any) -> None:
    if isinstance(value, Tensor):
        _update_tensor(digest, value)
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif value is None or isinstance(value, str | int | float | bool | range | bytes):
        digest.update(f"{value!r};".encode())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"key {key};".encode())
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"list {len(value)};".encode())
        for item in value:
            _update(digest, item)
    elif hasattr(value, "_data") and hasattr(value, "slices"):  # PyG's InMemoryDataset
        _update(digest, [value._data, value.slices, getattr(value, "_indices", None)])
    elif hasattr(value, "dataset") and hasattr(value, "indices"):  # torch.utils.data.Subset
        _update(digest, [value.dataset, value.indices])
    elif hasattr(value, "to_dict"):  # PyG's Data and Batch
        _update(digest, value.to_dict())
    elif hasattr(value, "coo"):  # torch_sparse.SparseTensor
        _update(digest, list(value.coo()))
    elif hasattr(value, "__len__"):
        digest.update(f"{type(value).__qualname__} {len(value)};".encode())
    else:
        digest.update(f"{type(value).__qualname__};".encode())


def _update_tensor(digest: hashlib._Hash, value: Tensor) -> None:
    value = value.detach()
    if value.layout != torch.strided:
        value = value.to_sparse_coo().coalesce()
        _update(digest, [list(value.shape), value.indices(), value.values()])
        return
    digest.update(f"tensor {value.dtype} {tuple(value.shape)}".encode())
    # A subclass such as EdgeIndex counts as its numbers; bytes exist for dtypes NumPy lacks.
    numbers = value.as_subclass(Tensor).cpu().contiguous()
    digest.update(numbers.reshape(-1).view(torch.uint8).numpy().data)
