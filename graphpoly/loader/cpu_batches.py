"""Loaders whose batches are made on the CPU, whatever torch's default device is."""

from __future__ import annotations

from typing import Any

from torch_geometric.loader import DataLoader

from graphpoly.devices import on_cpu, steps_on_cpu

__all__ = ["CPUBatches", "CPULoader"]


class CPUBatches:
    """A loader of torch's or PyG's that draws its order, and makes its batches, on the CPU.

    Torch's loader draws from a generator of the CPU what it makes on its default device, which
    raises where that is another. The CPU is also where its workers make their batches.
    """

    def __iter__(self) -> Any:
        """Go through the batches of an epoch."""
        loader: Any = super()
        return steps_on_cpu(loader.__iter__)

    def __call__(self, index: Any) -> Any:
        """Return the batch of some nodes or edges, as PyG's loaders do."""
        loader: Any = super()
        with on_cpu():
            return loader.__call__(index)


class CPULoader(CPUBatches, DataLoader):
    """``torch_geometric.loader.DataLoader`` for what :class:`PackedLoader` cannot join."""
