"""Attributes of a graph that are arrays, as tensors."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

__all__ = ["with_tensors"]


def with_tensors(data: Any, *names: str | None) -> Any:
    """Return a graph whose attributes of these names are tensors where they are arrays.

    Args:
        data: A graph, which is left as it is, or a pair of stores.
        *names: Attributes; None for none.

    >>> from torch_geometric.data import Data
    >>> data = Data(edge_index=torch.tensor([[0], [1]]), weight=np.ones(1))
    >>> with_tensors(data, "weight").weight, data.weight
    (tensor([1.], dtype=torch.float64), array([1.]))
    """
    found = {
        (place, name): value
        for place, store in enumerate(getattr(data, "stores", ()))
        for name in names
        if name is not None and isinstance(value := store.get(name), np.ndarray)
    }
    if not found:
        return data
    data = copy.copy(data)
    for (place, name), value in found.items():
        if value.dtype.kind in "buif":
            data.stores[place][name] = torch.as_tensor(np.ascontiguousarray(value), device="cpu")
    return data
