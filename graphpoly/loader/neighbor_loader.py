"""PyG's neighbour loaders with our sampler in them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from torch_geometric import loader as pyg

from graphpoly.devices import on_cpu
from graphpoly.loader.cpu_batches import CPUBatches
from graphpoly.loader.large_pages import large_pages
from graphpoly.loader.neighbor_sampler import NeighborSampler

__all__ = ["LinkNeighborLoader", "NeighborLoader", "check_inside", "check_seeds"]

_SAMPLING = (
    *("replace", "subgraph_type", "disjoint", "temporal_strategy", "time_attr", "weight_attr"),
    *("is_sorted", "directed"),
)


class _OwnSampler(CPUBatches):
    """A loader of PyG's, which gets a sampler where the user gives none."""

    def __init__(self, data: Any, num_neighbors: Any, *args: Any, **kwargs: Any) -> None:
        made: Any = super().__init__
        given = inspect.signature(made).bind(data, num_neighbors, *args, **kwargs).arguments
        if given.get("neighbor_sampler") is None:
            options = {name: given[name] for name in _SAMPLING if name in given}
            workers = given.get("kwargs", {}).get("num_workers", 0)
            kwargs["neighbor_sampler"] = sampler = NeighborSampler(
                data, num_neighbors, share_memory=workers > 0, **options
            )
            _check_told(given)
            if isinstance(self, pyg.NodeLoader):
                check_seeds(given.get("input_nodes"), sampler.num_nodes)
        with on_cpu():
            made(data, num_neighbors, *args, **kwargs)
        _check_lengths(self)
        if given.get("neighbor_sampler") is None:
            loader: Any = self
            check_inside(loader.input_data, sampler.num_nodes)

    def filter_fn(self, out: Any) -> Any:
        """Join what was sampled with its features, as PyG does."""
        loader: Any = super()
        with large_pages(), on_cpu():
            return loader.filter_fn(out)


def check_seeds(input_nodes: Any, num_nodes: Any) -> None:
    """Refuse seeds of a type that is not there, and what would be taken for their numbers."""
    size, seeds = num_nodes, input_nodes
    if isinstance(num_nodes, dict):
        pair = isinstance(input_nodes, tuple | list) and len(input_nodes) == 2
        kind, seeds = input_nodes if pair else (input_nodes, None)
        if not isinstance(kind, str) or kind not in num_nodes:
            got, known = kind if isinstance(kind, str) else type(kind).__name__, list(num_nodes)
            raise ValueError(f"input_nodes: got {got}, expected a type among {', '.join(known)}")
        size = num_nodes[kind]
    if seeds is None:
        return
    tensor = torch.as_tensor(seeds)
    if tensor.dtype != torch.bool:
        return
    if not isinstance(seeds, Tensor):
        raise TypeError(f"input_nodes: got a mask that is a {type(seeds).__name__}, not a tensor")
    if size is not None and tensor.numel() != size:
        raise ValueError(f"input_nodes: got a mask of {tensor.numel()}, there are {size} nodes")


def _check_told(given: dict[str, Any]) -> None:
    """Refuse arrays and lists where PyG reads tensors."""
    pairs = given.get("edge_label_index")
    if isinstance(pairs, tuple | list) and pairs:  # a type of edges, alone or before its pairs
        pairs = None if isinstance(pairs[0], str) else pairs[-1]
    told = {name: given.get(name) for name in ("input_time", "edge_label", "edge_label_time")}
    for name, value in {**told, "edge_label_index": pairs}.items():
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"{name}: got {type(value).__name__}, expected a tensor")


def check_inside(held: Any, num_nodes: Any) -> None:
    """Refuse seeds of a loader that are no numbers of nodes."""
    kind = held.input_type
    if hasattr(held, "node"):
        name, ends = "input_nodes", [(kind, held.node)]
    else:
        source, target = (None, None) if kind is None else (kind[0], kind[-1])
        name, ends = "edge_label_index", [(source, held.row), (target, held.col)]
    for kind, seeds in ends:
        size = num_nodes if kind is None else num_nodes[kind]
        if not seeds.numel():
            continue
        if seeds.is_floating_point() or seeds.is_complex() or seeds.dtype == torch.bool:
            raise TypeError(f"{name}: got {seeds.dtype}, expected integers")
        if size is None:
            continue
        least, most = (int(bound) for bound in seeds.aminmax())
        if least < 0 or most >= size:
            raise ValueError(f"{name}: got nodes {least} to {most}, there are {size}")


def _check_lengths(loader: Any) -> None:
    """Refuse what is said of seeds and is not as long as they are, such as the times of a mask."""
    held, of = loader.input_data, "input_nodes"
    told, seeds = {"input_time": held.time}, getattr(held, "node", None)
    if seeds is None:
        of, seeds = "edge_label_index", held.row
        told = {"edge_label": held.label, "edge_label_time": held.time}
    for name, value in told.items():
        if value is not None and value.size(0) != seeds.numel():
            got = f"got {value.size(0)}, there are {seeds.numel()}"
            raise ValueError(f"{name}: {got} in {of}")


class NeighborLoader(_OwnSampler, pyg.NeighborLoader):
    """``torch_geometric.loader.NeighborLoader`` that needs neither pyg-lib nor torch-sparse.

    Arguments and batches are PyG's; see :class:`~graphpoly.loader.NeighborSampler` for what is
    sampled and how it is seeded. What pyg-lib alone offers works as well: weights, times, disjoint
    subgraphs, ``num_sampled_nodes`` for ``trim_to_layer``.

    Args:
        data: A graph, or a pair of a feature store and a graph store.
        num_neighbors: Neighbours for each hop, -1 for all; or such a list for each type of edges.
        *args: Further arguments of PyG's loader.
        **kwargs: Its keyword arguments, and those of :class:`torch.utils.data.DataLoader`.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> loader = NeighborLoader(Data(torch.eye(4), edge_index), [1], batch_size=2)
    >>> [batch.n_id.tolist() for batch in loader]
    [[0, 1, 3], [2, 3, 1]]
    """


class LinkNeighborLoader(_OwnSampler, pyg.LinkNeighborLoader):
    """``torch_geometric.loader.LinkNeighborLoader`` that needs neither pyg-lib nor torch-sparse.

    Arguments are PyG's, as those of :class:`NeighborLoader` are.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> loader = LinkNeighborLoader(Data(torch.eye(4), edge_index), [1], batch_size=4)
    >>> next(iter(loader)).edge_label_index.tolist()
    [[0, 1, 2, 3], [1, 2, 3, 0]]
    """
