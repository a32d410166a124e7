"""PyG's cluster batches with partitions that need neither pyg-lib nor torch-sparse."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric import loader as pyg
from torch_geometric.data import Data
from torch_geometric.index import ptr2index
from torch_geometric.loader.cluster import Partition

from graphpoly.errors import unknown
from graphpoly.loader.cpu_batches import CPUBatches
from graphpoly.loader.partition import METHODS, partition

__all__ = ["ClusterData", "ClusterLoader"]


class ClusterLoader(CPUBatches, pyg.ClusterLoader):
    """``torch_geometric.loader.ClusterLoader`` whose batches may have no edges.

    Args:
        cluster_data: A :class:`ClusterData`.
        **kwargs: Further arguments of :class:`torch.utils.data.DataLoader`.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> alone = Data(x=torch.eye(3), edge_index=torch.tensor([[0], [1]]))
    >>> parts = ClusterData(alone, 3, method="random")
    >>> sorted(batch.num_edges for batch in ClusterLoader(parts, batch_size=1))
    [0, 0, 0]
    """

    def _collate(self, batch: list[int]) -> Any:
        data, parts = self.cluster_data.data, self.cluster_data.partition
        chosen = torch.as_tensor(batch, device=parts.partptr.device)
        begin, end = (parts.indptr[parts.partptr[chosen + side]] for side in (0, 1))
        if bool((begin < end).any()):
            return super()._collate(batch)
        found = [self.cluster_data[int(part)] for part in chosen]  # none of them has an edge
        out = copy.copy(found[0])
        for key, value in data.items():
            if key == "num_nodes":
                out.num_nodes = sum(part.num_nodes for part in found)
            elif data.is_node_attr(key) or data.is_edge_attr(key):
                out[key] = torch.cat([part[key] for part in found], data.__cat_dim__(key, value))
        return out


class ClusterData(pyg.ClusterData):
    """``torch_geometric.loader.ClusterData`` whose parts come from :func:`partition`.

    :class:`ClusterLoader` makes batches of some parts and of all edges between their nodes.

    Args:
        data: A graph.
        num_parts: Number of parts.
        method: ``"metis"`` or ``"random"``; see :func:`partition`.
        seed: Of the partition.
        log: Print that METIS runs, as PyG does by default.
        **kwargs: Further arguments of PyG's class; ``recursive`` is METIS's own choice here.

    Raises:
        TypeError: If ``data`` is no :class:`torch_geometric.data.Data`.
        ValueError: If a number or name is not accepted, or ``save_dir`` holds the parts of another
            graph.

    Chiang, Liu, Si, Li, Bengio and Hsieh, "Cluster-GCN: An Efficient Algorithm for Training Deep
    and Large Graph Convolutional Networks", KDD 2019.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    >>> parts = ClusterData(Data(torch.eye(4), edge_index), 2, method="random")
    >>> sum(batch.num_nodes for batch in ClusterLoader(parts, batch_size=1))
    4
    """

    def __init__(
        self,
        data: Any,
        num_parts: int,
        *,
        method: str = "metis",
        seed: int = 0,
        log: bool = False,
        **kwargs: Any,
    ) -> None:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
        if not isinstance(data, Data):
            raise TypeError(f"data: got {type(data).__name__}, expected Data")
        if data.edge_index is None:
            raise ValueError("data: has no edge_index")
        if kwargs.pop("recursive", False):
            raise ValueError("recursive: METIS decides here by the number of parts")
        if kwargs.get("save_dir") is not None and kwargs.get("filename") is None:
            kwargs["filename"] = f"{method}-{seed}.pt"
        self.method, self.seed, self.save_dir = method, seed, kwargs.get("save_dir")
        with torch.serialization.safe_globals([Partition]):
            super().__init__(data, num_parts, log=log, **kwargs)

    def _metis(self, edge_index: Tensor, num_nodes: int) -> Tensor:
        parts = partition(edge_index, self.num_parts, num_nodes, method=self.method, seed=self.seed)
        return parts.to(edge_index.device)

    def _permute_data(self, data: Any, partition: Partition) -> Any:
        if self.save_dir is not None and not self._are_of(data, partition):
            raise ValueError(f"save_dir: {self.save_dir} holds the parts of another graph")
        return super()._permute_data(data, partition)

    def _are_of(self, data: Any, held: Partition) -> bool:
        """Whether these are parts of this graph, its edges in the order that is asked for."""
        sizes = held.node_perm.numel(), held.edge_perm.numel(), held.sparse_format
        if sizes != (data.num_nodes, data.edge_index.size(1), self.sparse_format):
            return False
        ends = [ptr2index(held.indptr), held.index]
        if held.sparse_format == "csc":
            ends.reverse()
        edges = held.node_perm[torch.stack(ends)]
        return torch.equal(edges, data.edge_index[:, held.edge_perm].as_subclass(Tensor))
