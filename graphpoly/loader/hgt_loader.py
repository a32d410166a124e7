"""PyG's loader of the heterogeneous graph transformer with our sampler in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader

from graphpoly.devices import on_cpu
from graphpoly.loader.cpu_batches import CPUBatches
from graphpoly.loader.hgt_sampler import HGTSampler
from graphpoly.loader.neighbor_loader import check_inside, check_seeds

__all__ = ["HGTLoader"]


class HGTLoader(CPUBatches, NodeLoader):
    """``torch_geometric.loader.HGTLoader`` that does not need torch-sparse.

    Arguments and fields of the batches are PyG's; see :class:`~graphpoly.loader.HGTSampler` for
    what is sampled, and for errors.

    Args:
        data: A :class:`torch_geometric.data.HeteroData`.
        num_samples: Nodes of each iteration, for all types or type by type.
        input_nodes: Type of the seeds, or a pair of it and their numbers or a mask.
        is_sorted: Claim that the edges are sorted by their targets.
        transform: Of a batch.
        transform_sampler_output: Of what the sampler gives.
        filter_per_worker: Whether workers gather the features; None where some lie on a GPU.
        **kwargs: Further arguments of :class:`torch.utils.data.DataLoader`.

    >>> import torch
    >>> data = HeteroData()
    >>> data["author"].num_nodes, data["paper"].num_nodes = 2, 3
    >>> data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 1], [0, 0, 2]])
    >>> loader = HGTLoader(data, [2], "paper", batch_size=2)
    >>> [batch["author"].n_id.sort().values.tolist() for batch in loader]
    [[0, 1], [1]]
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Sequence[int] | Mapping[str, Sequence[int]],
        input_nodes: Any,
        is_sorted: bool = False,
        transform: Callable[[Any], Any] | None = None,
        transform_sampler_output: Callable[[Any], Any] | None = None,
        filter_per_worker: bool | None = None,
        **kwargs: Any,
    ) -> None:
        share = kwargs.get("num_workers", 0) > 0
        sampler = HGTSampler(data, num_samples, is_sorted=is_sorted, share_memory=share)
        check_seeds(input_nodes, sampler.num_nodes)
        with on_cpu():
            super().__init__(
                data,
                sampler,
                input_nodes,
                transform=transform,
                transform_sampler_output=transform_sampler_output,
                filter_per_worker=filter_per_worker,
                **kwargs,
            )
        check_inside(self.input_data, sampler.num_nodes)
