"""Loaders whose batches are those of PyG, field by field."""

from graphpoly.loader.packed import PackedDataset, PackedLoader

__all__ = ["PackedDataset", "PackedLoader"]
