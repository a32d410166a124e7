"""Networks that answer for another graph than they are given."""

from __future__ import annotations

from typing import Any

from torch import nn

__all__ = ["keeps_graph"]


def keeps_graph(model: Any) -> bool:
    """Whether a layer keeps its first graph, as PyG's and ours do with ``cached=True``.

    >>> from torch_geometric.nn import GCN
    >>> keeps_graph(GCN(2, 4, 1, cached=True)), keeps_graph(GCN(2, 4, 1)), keeps_graph(len)
    (True, False, False)
    """
    parts = model.modules() if isinstance(model, nn.Module) else ()
    return any(getattr(part, "cached", False) is True for part in parts)
