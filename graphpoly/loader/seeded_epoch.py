"""Epochs of a neighbour loader that a seed decides, whatever else draws meanwhile."""

from __future__ import annotations

import copy
import itertools
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu

__all__ = ["sampled_nodes", "samples", "seeded_epoch"]


def seeded_epoch(loader: Any, seed: int, *, start: int = 0) -> Iterator[Any]:
    """Give the batches of an epoch as a neighbour loader draws them after ``manual_seed(seed)``.

    Torch's generator is the loader's own while it samples, and is given back before a batch is:
    dropout draws what it would draw without a loader, and the loader samples the same whether the
    network draws or not. A ``transform`` of the loader draws as the network does.

    Args:
        loader: A :class:`~graphpoly.loader.NeighborLoader`, or another of PyG's node or link
            loaders. With workers, the draws depend on their number.
        seed: Of the order and of the neighbours.
        start: Number of batches to pass over, which are sampled but get no features.

    Raises:
        ValueError: If the loader has a ``generator`` of its own, whose state nobody knows.

    >>> from torch_geometric.data import Data
    >>> from graphpoly.loader import NeighborLoader
    >>> data = Data(torch.eye(4), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
    >>> loader = NeighborLoader(data, [1], batch_size=2, shuffle=True)
    >>> first = [batch.n_id.tolist() for batch in seeded_epoch(loader, 0)]
    >>> _ = torch.manual_seed(0)
    >>> [batch.n_id.tolist() for batch in loader] == first
    True
    """
    for out in itertools.islice(samples(loader, seed), start, None):
        with on_cpu():
            batch = loader.filter_fn(out)
        yield batch


def samples(loader: Any, seed: int) -> Iterator[Any]:
    """Give what the sampler of a loader gives in such an epoch, features not asked for."""
    if loader.generator is not None:
        raise ValueError("loader: got one with a generator; a seed decides its draws")
    bare = copy.copy(loader)
    bare.filter_per_worker, bare.filter_fn, bare._iterator = False, _as_it_is, None
    bare.collate_fn = types.MethodType(type(loader).collate_fn, bare)
    state, end = torch.Generator().manual_seed(seed).get_state(), object()
    iterator, out = None, None
    while True:
        outside = torch.get_rng_state()
        torch.set_rng_state(state)
        try:
            with on_cpu():
                iterator = iter(bare) if iterator is None else iterator
                out = next(iterator, end)
            state = torch.get_rng_state()
        finally:
            torch.set_rng_state(outside)
        if out is end:
            return
        yield out


def sampled_nodes(loader: Any, out: Any) -> dict[str | None, Tensor]:
    """Return the nodes of each type in what a sampler gave."""
    if loader.transform_sampler_output:
        out = loader.transform_sampler_output(out)
    return out.node if isinstance(out.node, dict) else {None: out.node}


def _as_it_is(out: Any) -> Any:
    return out
