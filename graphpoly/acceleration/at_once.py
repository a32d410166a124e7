"""PyG's networks, whose layers are one operator where nothing stands between them but ReLU."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from graphpoly.acceleration.dropout import AcceleratedDropout
from graphpoly.acceleration.drops import apart
from graphpoly.acceleration.operators import is_pairs
from graphpoly.acceleration.snapshot import Snapshot
from graphpoly.ops.hooks import is_hooked, is_itself_hooked
from graphpoly.ops.library import is_short
from graphpoly.ops.linear import computes, is_small

__all__ = ["Plan", "at_once", "is_bare"]

_UNREAD = {"batch", "batch_size"}  # by networks without norms
_DROPOUTS = (nn.Dropout, AcceleratedDropout)
_PLANS: WeakKeyDictionary[Any, tuple[Snapshot, Plan | None]] = WeakKeyDictionary()


class Plan:
    """What of a network goes into one operator, whatever graphs it is given.

    Args:
        layers: Tuples of tensors, each beginning with the weight of a map. The first takes what the
            network does, each other one the channels of the one before it.
        rule: How they run.
        beside: Further tensors that have to be of the type of the features.
    """

    def __init__(
        self, layers: Sequence[Any], rule: Any = None, beside: Sequence[Tensor | None] = ()
    ) -> None:
        self.layers, self.rule, self.first = layers, rule, layers[0][0]
        held = [tensor for some in (*layers, beside) for tensor in some if tensor is not None]
        # a tensor stays the same one when its data is given anew
        self._held = [(tensor, tensor.shape) for tensor in held]

    def takes(self, x: Tensor) -> bool:
        """Whether the operator is made for such features."""
        dtype = x.dtype
        return (
            is_small(self.first, x)
            and self.first.size(1) == x.size(1)
            and all(
                tensor.dtype is dtype and tensor.is_cpu and tensor.shape == shape
                for tensor, shape in self._held
            )
        )


def at_once(
    kind: type,
    plan: Callable[[Any], Plan | None],
    run: Callable[..., Tensor | None],
    *,
    weighted: bool = False,
) -> Any:
    """Return the ``forward`` of this class that goes through all layers at once where it may.

    Args:
        kind: A class of basic networks.
        plan: Called with a network between whose layers is a ReLU; returns None where they have to
            run. Called again when anything in the network has changed.
        run: Called with the plan, features, pairs and, where ``weighted``, their weights; returns
            None likewise. Features are plain and on the CPU, nothing is traced or transformed.
        weighted: Whether the layers read ``edge_weight``.
    """
    most, read = (3, {*_UNREAD, "edge_weight"}) if weighted else (2, _UNREAD)

    @apart
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Tensor | None:
        if not 2 <= len(args) <= most or not kwargs.keys() <= read or not _serves(*args[:2]):
            return None
        weight = {key: kwargs[key] for key in kwargs if key not in _UNREAD}
        if (weight and len(args) > 2) or is_hooked():  # by a hook of all modules
            return None
        found = _planned(self, plan)
        if found is None or not found.takes(args[0]):
            return None
        return run(found, *args, **weight)

    @functools.wraps(kind.forward)  # type: ignore[attr-defined]
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = attempt(self, *args, **kwargs)
        return kind.forward(self, *args, **kwargs) if out is None else out  # type: ignore[attr-defined]

    return forward


def _serves(x: Any, edge_index: Any) -> bool:
    """Whether graph and features are plain."""
    return (
        isinstance(x, Tensor)
        and torch.is_grad_enabled()
        and is_short(x, edge_index)
        and x.dim() == 2
        and computes(x)
        and is_pairs(edge_index)
    )


def _planned(network: Any, plan: Callable[[Any], Plan | None]) -> Plan | None:
    """What was found when the network was last looked at, as long as all of it is as it was then.

    To ask each part what it is takes as long as a layer of a small graph.
    """
    held = _PLANS.get(network)
    if held is None or not held[0].holds():
        held = _PLANS[network] = Snapshot(network), plan(network) if _is_bare(network) else None
    return held[1]


def _is_bare(network: Any) -> bool:
    """Whether between the layers is a ReLU and nothing else."""
    between = (network.act, network.dropout, *network.norms)
    return (
        network.jk_mode is None
        and type(network.act) is nn.ReLU
        and type(network.dropout) in _DROPOUTS
        and not (network.dropout.training and network.dropout.p)
        and all(type(norm) is nn.Identity for norm in network.norms)
        and not is_hooked(*between)
    )


def is_bare(conv: Any, kind: type) -> bool:
    """Whether a layer is of this kind and nothing but that: nobody watches it."""
    return type(conv) is kind and not is_itself_hooked(conv) and conv._own_refusal() is None  # type: ignore[attr-defined]
