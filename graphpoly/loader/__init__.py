"""Loaders whose batches are those of PyG, field by field."""

from graphpoly.loader.neighbor_loader import LinkNeighborLoader, NeighborLoader
from graphpoly.loader.neighbor_sampler import NeighborSampler
from graphpoly.loader.packed import PackedDataset, PackedLoader

__all__ = [
    "LinkNeighborLoader",
    "NeighborLoader",
    "NeighborSampler",
    "PackedDataset",
    "PackedLoader",
]
