"""Loaders whose batches are those of PyG, field by field."""

from graphpoly.loader.cluster import ClusterData, ClusterLoader
from graphpoly.loader.disk_features import DiskFeatures
from graphpoly.loader.graph_saint import (
    GraphSAINTEdgeSampler,
    GraphSAINTNodeSampler,
    GraphSAINTRandomWalkSampler,
)
from graphpoly.loader.layerwise import layerwise_inference
from graphpoly.loader.neighbor_loader import LinkNeighborLoader, NeighborLoader
from graphpoly.loader.neighbor_sampler import NeighborSampler
from graphpoly.loader.packed import PackedDataset, PackedLoader
from graphpoly.loader.partition import partition, partition_each

__all__ = [
    "ClusterData",
    "ClusterLoader",
    "DiskFeatures",
    "GraphSAINTEdgeSampler",
    "GraphSAINTNodeSampler",
    "GraphSAINTRandomWalkSampler",
    "LinkNeighborLoader",
    "NeighborLoader",
    "NeighborSampler",
    "PackedDataset",
    "PackedLoader",
    "layerwise_inference",
    "partition",
    "partition_each",
]
