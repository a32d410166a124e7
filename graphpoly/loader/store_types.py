"""The types of nodes and edges of stores, in an order that is the same in each run."""

from __future__ import annotations

from typing import Any

from torch_geometric.data import HeteroData
from torch_geometric.data.remote_backend_utils import num_nodes
from torch_geometric.sampler.utils import reverse_edge_type

__all__ = ["order_types"]


def order_types(sampler: Any, features: Any, graph: Any) -> None:
    """Let types stand as the stores list them, those without features, too.

    PyG has those of stores in the order of a set, which each run of Python has anew.
    """
    kinds = [attr.edge_type for attr in graph.get_all_edge_attrs()]
    backward = sampler.sample_direction == "backward"
    sampler.edge_types = [
        reverse_edge_type(kind) if backward else kind for kind in dict.fromkeys(kinds)
    ]
    held = [attr.group_name for attr in features.get_all_tensor_attrs()]
    held = [name for name in held if isinstance(name, str)]
    sampler.node_types = [*dict.fromkeys(held + [end for kind in kinds for end in kind[::2]])]
    known = sampler.num_nodes
    sampler.num_nodes = {
        kind: known[kind] if kind in known else _size_of(kind, features, graph)
        for kind in sampler.node_types
    }


def _size_of(kind: str, features: Any, graph: Any) -> int:
    """Return how many nodes there are of a type without features."""
    size: int | None = graph[kind].num_nodes if isinstance(graph, HeteroData) else None
    try:
        return num_nodes(features, graph, kind) if size is None else size
    except ValueError:
        said = "set num_nodes, or the size of its edges"
        raise ValueError(f"{kind}: how many nodes there are is in neither store; {said}") from None
