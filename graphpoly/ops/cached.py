"""Networks that answer for another graph than they are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

__all__ = ["keeps_features", "keeps_graph"]

_FEATURES = ("_cached_x", "_cached_h")  # where they are kept


def keeps_graph(model: Any) -> bool:
    """Whether a layer keeps its first graph, as PyG's and ours do with ``cached=True``.

    >>> from torch_geometric.nn import GCN
    >>> keeps_graph(GCN(2, 4, 1, cached=True)), keeps_graph(GCN(2, 4, 1)), keeps_graph(len)
    (True, False, False)
    """
    return any(True for _ in _cached(model))


def keeps_features(model: Any) -> bool:
    """Whether a layer keeps what it made of its first features, as PyG's SGConv and SSGConv do.

    >>> from torch_geometric.nn import GCN, SGConv
    >>> keeps_features(SGConv(2, 4, cached=True)), keeps_features(GCN(2, 4, 1, cached=True))
    (True, False)
    """
    return any(hasattr(part, name) for part in _cached(model) for name in _FEATURES)


def _cached(model: Any) -> Iterator[nn.Module]:
    parts = model.modules() if isinstance(model, nn.Module) else ()
    return (part for part in parts if getattr(part, "cached", False) is True)
