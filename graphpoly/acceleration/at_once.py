"""PyG's networks, whose layers are one operator where nothing stands between them but ReLU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graphpoly.acceleration.dropout import AcceleratedDropout
from graphpoly.acceleration.drops import apart
from graphpoly.acceleration.operators import is_pairs
from graphpoly.ops.hooks import is_hooked, is_itself_hooked
from graphpoly.ops.library import is_short
from graphpoly.ops.linear import computes

__all__ = ["at_once", "is_bare"]

_UNREAD = {"batch", "batch_size"}  # by networks without norms
_DROPOUTS = (nn.Dropout, AcceleratedDropout)


def at_once(kind: type, run: Callable[..., Tensor | None], *, weighted: bool = False) -> Any:
    """Return the ``forward`` of this class that goes through all layers at once where it may.

    Args:
        kind: A class of basic networks.
        run: Called with the network, features, pairs and, where ``weighted``, their weights;
            returns None where its layers have to run. Features are plain and on the CPU, nothing
            is traced or transformed: of a layer, what it is itself is left to ask.
        weighted: Whether the layers read ``edge_weight``.
    """
    most, read = (3, {*_UNREAD, "edge_weight"}) if weighted else (2, _UNREAD)

    @apart
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Tensor | None:
        if not 2 <= len(args) <= most or not kwargs.keys() <= read or not _serves(self, *args[:2]):
            return None
        weight = {key: kwargs[key] for key in kwargs if key not in _UNREAD}
        return None if weight and len(args) > 2 else run(self, *args, **weight)

    @functools.wraps(kind.forward)  # type: ignore[attr-defined]
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = attempt(self, *args, **kwargs)
        return kind.forward(self, *args, **kwargs) if out is None else out  # type: ignore[attr-defined]

    return forward


def _serves(network: Any, x: Any, edge_index: Any) -> bool:
    """Whether graph and features are plain, and between the layers is a ReLU."""
    between = (network.act, network.dropout, *network.norms)
    return (
        isinstance(x, Tensor)
        and torch.is_grad_enabled()
        and is_short(x, edge_index)
        and x.dim() == 2
        and computes(x)
        and is_pairs(edge_index)
        and network.jk_mode is None
        and type(network.act) is nn.ReLU
        and type(network.dropout) in _DROPOUTS
        and not (network.dropout.training and network.dropout.p)
        and all(type(norm) is nn.Identity for norm in network.norms)
        and not is_hooked(*between)
    )


def is_bare(conv: Any, kind: type) -> bool:
    """Whether a layer is of this kind and nothing but that: nobody watches it."""
    return type(conv) is kind and not is_itself_hooked(conv) and conv._own_refusal() is None  # type: ignore[attr-defined]
