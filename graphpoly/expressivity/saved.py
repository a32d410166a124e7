"""Graphs that PyG saved, checked before anything believes them."""

from __future__ import annotations

import io
import re
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly.data.files import pyg_storage_allowed
from graphpoly.data.graph6 import MOST_NODES
from graphpoly.devices import on_cpu

__all__ = ["read_saved"]

_EXPECTED = "expected Data, a Batch or a list of Data"
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")


@on_cpu()
def read_saved(content: bytes) -> list[Data]:
    """Read what ``torch.save`` wrote of a ``Data``, of a list of them or of a ``Batch``.

    Weights of edges that are kept in ``edge_weight`` become (columns of) ``edge_attr``.

    Raises:
        ValueError: If it is something else, such as ``HeteroData``, or a graph is broken: edges
            that are no integers or lie outside, features that do not fit.
    """
    try:
        with pyg_storage_allowed():
            held = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged file makes torch raise anything
        # torch's own words advise to load whatever it is, code and all
        if b"hetero_data" in content:
            raise ValueError(
                f"it holds HeteroData, nodes of several types; {_EXPECTED}, such as what its "
                "to_homogeneous() gives"
            ) from error
        found = _REFUSED.search(str(error))
        if found is None:
            raise ValueError("damaged, or not written by torch.save") from error
        raise ValueError(f"it holds {found[1].rpartition('.')[2]}; {_EXPECTED}") from error
    listed = held if isinstance(held, list | tuple) else [held]
    graphs: list[Data] = []
    for one in listed:
        if isinstance(one, Batch):
            graphs += _parts(one)
        elif isinstance(one, Data):
            graphs.append(one)
        else:
            raise ValueError(f"got {type(one).__name__}, {_EXPECTED}")
    return [_checked(data, number) for number, data in enumerate(graphs)]


def _parts(batch: Any) -> list[Data]:
    try:
        graphs: list[Data] = batch.to_data_list()
    except Exception as error:  # of a batch whose own tables are broken, anything
        raise ValueError("a Batch that cannot be taken apart") from error
    return graphs


def _checked(data: Data, number: int) -> Data:
    """Return the graph as the tests read it."""
    edges, where = data.get("edge_index"), f"graph {number}: "
    if not isinstance(edges, Tensor):
        got = "none" if edges is None else type(edges).__name__
        raise ValueError(f"{where}edge_index: got {got}, expected integers [2, E]")
    plain = edges.dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    if not plain or edges.dim() != 2 or edges.size(0) != 2 or edges.layout != torch.strided:
        raise ValueError(
            f"{where}edge_index: got {edges.dtype} {list(edges.shape)}, expected integers [2, E]"
        )
    edges = edges.long()
    x = _rows(data, "x", where)
    size = data._store.get("num_nodes")
    if size is None:
        size = int(edges.max()) + 1 if x is None and edges.numel() else 0
        size = size if x is None else x.size(0)
    if not isinstance(size, int) or not 0 <= size <= MOST_NODES:
        raise ValueError(f"{where}num_nodes: got {size!r}, expected at most {MOST_NODES}")
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= size):
        raise ValueError(
            f"{where}edge_index: got {int(edges.min())} to {int(edges.max())}, expected nodes "
            f"from 0 to {size - 1}"
        )
    if x is not None and x.size(0) != size:
        raise ValueError(f"{where}x: got {x.size(0)} rows for {size} nodes")
    columns = [_rows(data, key, where) for key in ("edge_attr", "edge_weight")]
    labels = [column for column in columns if column is not None]
    for label in labels:
        if label.size(0) != edges.size(1):
            raise ValueError(
                f"{where}edge_attr: got {label.size(0)} rows for {edges.size(1)} edges"
            )
    if len(labels) == 2:
        labels = [
            torch.cat(
                [
                    label.double().flatten(1) if label.dim() > 1 else label.double().unsqueeze(1)
                    for label in labels
                ],
                1,
            )
        ]
    return Data(x=x, edge_index=edges, edge_attr=labels[0] if labels else None, num_nodes=size)


def _rows(data: Data, key: str, where: str) -> Tensor | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.dim() == 0 or value.layout != torch.strided:
        raise ValueError(f"{where}{key}: got {type(value).__name__}, expected a tensor of rows")
    return value.detach()
