"""Loaders whose batches are those of PyG, field by field."""

from graphpoly.loader.cluster import ClusterData, ClusterLoader
from graphpoly.loader.disk_features import DiskFeatures
from graphpoly.loader.fanout_schedule import FanoutSchedule
from graphpoly.loader.graph_saint import (
    GraphSAINTEdgeSampler,
    GraphSAINTNodeSampler,
    GraphSAINTRandomWalkSampler,
)
from graphpoly.loader.hgt_loader import HGTLoader
from graphpoly.loader.hgt_sampler import HGTSampler
from graphpoly.loader.layerwise import layerwise_inference
from graphpoly.loader.neighbor_loader import LinkNeighborLoader, NeighborLoader
from graphpoly.loader.neighbor_sampler import NeighborSampler
from graphpoly.loader.pack_epochs import pack_epochs
from graphpoly.loader.packed import PackedDataset
from graphpoly.loader.packed_epochs import PackedEpochs
from graphpoly.loader.packed_loader import PackedLoader
from graphpoly.loader.partition import partition, partition_each
from graphpoly.loader.seeded_epoch import seeded_epoch

__all__ = [
    "ClusterData",
    "ClusterLoader",
    "DiskFeatures",
    "FanoutSchedule",
    "GraphSAINTEdgeSampler",
    "GraphSAINTNodeSampler",
    "GraphSAINTRandomWalkSampler",
    "HGTLoader",
    "HGTSampler",
    "LinkNeighborLoader",
    "NeighborLoader",
    "NeighborSampler",
    "PackedDataset",
    "PackedEpochs",
    "PackedLoader",
    "layerwise_inference",
    "pack_epochs",
    "partition",
    "partition_each",
    "seeded_epoch",
]
