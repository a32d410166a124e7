"""Arrays and tensors out of files of torch's, of any age, and nothing else."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from graphpoly.data.files import first_line

__all__ = ["load_arrays"]

_CORES = ("numpy.core", "numpy._core")  # of NumPy 1 and 2
_KNOWN: dict[str, Any] = {
    "_codecs.encode": str.encode,
    "collections.OrderedDict": collections.OrderedDict,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    "torch._utils._rebuild_tensor_v2": torch._utils._rebuild_tensor_v2,
}
for _name, _made in {
    "multiarray._reconstruct": np.zeros(1).__reduce__(),
    "multiarray.scalar": np.float64(0).__reduce__(),
    "numeric._frombuffer": np.zeros(1).__reduce_ex__(5),
}.items():
    _KNOWN.update((f"{core}.{_name}", _made[0]) for core in _CORES)


def load_arrays(path: str | Path) -> Any:
    """Return what ``torch.save`` has written: tensors and NumPy arrays, in dictionaries and lists.

    ``torch.load(weights_only=True)`` refuses arrays, and pickles of protocol 4, in which the
    splits of OGB are kept. No name in the file is looked up but a handful that make arrays and
    tensors, so that it runs no code.

    Raises:
        ValueError: If the file is cut short or altered, or holds anything else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"edge": np.arange(3)}, f"{folder}/train.pt", pickle_protocol=4)
    ...     load_arrays(f"{folder}/train.pt")
    {'edge': array([0, 1, 2])}
    """
    try:
        return torch.load(path, pickle_module=_READER, weights_only=False, map_location="cpu")
    except OSError:
        raise
    except Exception as error:  # a broken file can raise anything
        raise ValueError(f"{path}: {first_line(error)}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get(f"{module}.{name}")
        if known is None:
            raise pickle.UnpicklingError(f"holds {module}.{name}, arrays and tensors are read")
        return known


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


_READER = ModuleType("arrays")
_READER.__dict__.update(Unpickler=_Unpickler, load=_load)
