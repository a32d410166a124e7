"""What graphs of the user's own have to be, and what their labels ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.dataset import Reading
from graphpoly.data.files import DatasetError
from graphpoly.data.labels import are_classes, doubt_about

__all__ = ["LISTS", "OF_EDGES", "PARTS", "as_tensor", "as_tensors", "check", "count_labels"]
__all__ += ["kind_of", "read_lists", "said_of_edges", "said_of_labels", "set_precision"]
__all__ += ["target_of"]

PARTS = ("train", "val", "test")  # which masks are of
OF_EDGES = ("edge_weight", "edge_attr", "edge_type")
# names that lists of the nodes of a part go by
LISTS = {
    "train": ("train_idx", "train_index"),
    "val": ("val_idx", "val_index", "valid_idx", "valid_index"),
    "test": ("test_idx", "test_index"),
}
_ALSO = {"val": ("valid",)}
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # of which torch knows no maximum


def as_tensors(data: Data, where: str) -> None:
    """Give what networks read of a graph the form of tensors, where it is in arrays or lists."""
    for name in ("x", "edge_index", "y", "pos", *OF_EDGES, *(f"{part}_mask" for part in PARTS)):
        if data.get(name) is not None:
            data[name] = as_tensor(data[name], f"{where}: {name}")
    if isinstance(data.get("num_nodes"), np.integer):
        data.num_nodes = int(data["num_nodes"])


def count_labels(data: Data) -> None:
    """Let labels say how many nodes there are, where edges alone would: the last may have none."""
    if any(data.get(key) is not None for key in ("x", "pos", "num_nodes")):
        return
    edges, y = data.get("edge_index"), data.get("y")
    if isinstance(edges, Tensor) and isinstance(y, Tensor) and y.dim():
        data.num_nodes = max(len(y), int(edges.long().max()) + 1 if edges.numel() else 0)


def check(data: Data, where: str) -> None:
    """Refuse what does not fit together, and make the types those that networks read."""
    if data.get("edge_index") is None:
        raise DatasetError(f"{where}: edge_index: there is none, expected [2, E]")
    as_tensors(data, where)
    edges, nodes = data.edge_index, int(data.num_nodes or 0)
    if edges.dim() != 2 or edges.size(0) != 2:
        raise DatasetError(f"{where}: edge_index: got {list(edges.shape)}, expected [2, E]")
    if edges.is_floating_point() or edges.dtype == torch.bool:
        raise DatasetError(f"{where}: edge_index: got {edges.dtype}, expected whole numbers")
    data.edge_index = edges.long()
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
        raise DatasetError(f"{where}: edge_index: a node is outside 0 to {nodes - 1}")
    if data.get("x") is not None:
        data.x = _features(data.x, nodes, f"{where}: x")
    elif data.get("y") is not None:
        data.x = torch.ones(nodes, 1)  # nothing is known of any node
    _check_edges(data, where)
    for name in (f"{part}_mask" for part in PARTS):
        mask = data.get(name)
        if mask is not None and mask.shape[:1] != (nodes,):
            raise DatasetError(
                f"{where}: {name}: got {list(mask.shape)}, expected {nodes} rows of True and False"
            )


def read_lists(data: Data, where: str) -> None:
    """Give each part whose nodes are listed the mask of them, where it has none."""
    split = data.get("split_idx")  # what OGB calls all of them
    whole = split if isinstance(split, Mapping) else {}
    for part, names in LISTS.items():
        if data.get(f"{part}_mask") is not None:
            continue
        lists = {name: data.get(name) for name in names}
        lists |= {f"split_idx[{key!r}]": whole.get(key) for key in (part, *_ALSO.get(part, ()))}
        for name, rows in lists.items():
            if rows is None:
                continue
            mask, before = _mask_of(rows, data, f"{where}: {name}"), data.get(f"{part}_mask")
            if before is not None and not torch.equal(mask, before):
                raise DatasetError(f"{where}: {name}: another list has other nodes of {part}")
            data[f"{part}_mask"] = mask


def _mask_of(value: Any, data: Data, where: str) -> Tensor:
    """Return the mask of nodes that are listed."""
    rows, nodes = as_tensor(value, where), int(data.num_nodes or 0)
    whole = rows.dim() == 1 and not rows.is_floating_point() and rows.dtype != torch.bool
    if not whole or (rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < nodes):
        raise DatasetError(
            f"{where}: got {list(rows.shape)} of {rows.dtype}, expected numbers of nodes from 0 to "
            f"{nodes - 1}"
        )
    mask = torch.zeros(nodes, dtype=torch.bool)
    mask[rows.long()] = True
    return mask


def set_precision(data: Data, dtype: torch.dtype) -> None:
    """Give features and positions of nodes and features of edges one type of numbers."""
    for name in ("x", "pos", "edge_weight", "edge_attr"):
        value = data.get(name)
        if value is not None and value.is_floating_point():
            data[name] = value.to(dtype)


def as_tensor(value: Any, where: str) -> Tensor:
    """Return a tensor of what PyG's graphs may hold in its place: an array, a list, a number."""
    if isinstance(value, np.ndarray):  # in the order of bytes and rows that torch reads
        value = np.ascontiguousarray(value, value.dtype.newbyteorder("=")).reshape(value.shape)
    try:
        found = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise DatasetError(f"{where}: got {kind_of(value)}, expected a tensor") from None
    if found.is_complex():
        raise DatasetError(f"{where}: got {found.dtype}, expected real numbers")
    if found.dtype in _UNSIGNED:
        found = found.long()
    return found if found.layout == torch.strided else found.to_dense()


def _features(x: Tensor, nodes: int, where: str) -> Tensor:
    if x.dim() not in (1, 2) or x.size(0) != nodes:
        raise DatasetError(f"{where}: got {list(x.shape)}, expected [{nodes}, F]")
    x = x.view(nodes, -1) if x.dim() == 1 else x
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    if not bool(torch.isfinite(x).all()):
        raise DatasetError(f"{where}: holds values that are not finite")
    return x


def _check_edges(data: Data, where: str) -> None:
    """Refuse attributes that are not one a edge, and give weights the type of the features."""
    count = data.edge_index.size(1)
    for name in OF_EDGES:
        value = data.get(name)
        if value is None:
            continue
        if value.shape[:1] != (count,):
            raise DatasetError(f"{where}: {name}: got {list(value.shape)}, expected {count} rows")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise DatasetError(f"{where}: {name}: holds values that are not finite")
    if (weight := data.get("edge_weight")) is not None:
        if weight.numel() != count:
            raise DatasetError(
                f"{where}: edge_weight: got {list(weight.shape)}, expected [{count}]"
            )
        data.edge_weight = weight.view(-1).float()
    x = data.get("x")
    set_precision(data, torch.float32 if x is None else x.dtype)


def target_of(y: Tensor, where: str) -> tuple[Tensor, str, str, int]:
    """Return labels in shape, loss, metric and number of outputs."""
    if y.dim() == 2 and y.size(1) == 1:
        y = y.view(-1)
    if are_classes(y):
        classes = int(y.max()) + 1 if y.numel() else 0
        if classes < 2:
            raise DatasetError(f"{where}: y: got {classes} classes, at least 2 are needed")
        return y.long(), "ce", "accuracy", classes
    y = y.float()
    if bool(y.isinf().any()):
        raise DatasetError(f"{where}: y: holds infinities; NaN is a label that is not known")
    columns = 1 if y.dim() == 1 else y.size(1)
    known = y[~y.isnan()]
    if y.numel() and not known.numel():
        raise DatasetError(f"{where}: y: no label is known, all are NaN")
    if columns > 1 and bool(((known == 0) | (known == 1)).all()):
        return y, "bce", "rocauc", columns
    return y, "l1", "mae", columns


def said_of_labels(y: Tensor) -> dict[str, str]:
    """Say how labels were read that may have been meant as classes."""
    doubt = doubt_about(y)
    return {} if doubt is None else {"labels": doubt}


def said_of_edges(data: Data, reading: Reading | None = None) -> dict[str, str]:
    """Say how edges were read that the graph has otherwise: one way, several times, as loops.

    Args:
        data: As it was given.
        reading: How it is read; None where its links are asked for, which have no direction.
    """
    assert data.edge_index is not None
    size = int(data.num_nodes or 0)
    row, col = data.edge_index
    proper = row != col
    keys = (row * size + col)[proper].unique()
    back = (col * size + row)[proper].unique()
    said = []
    if reading is None or not reading.directed:
        if not torch.equal(keys, back):
            kept = "" if reading is None else " (directed=true keeps their directions)"
            said.append(f"edges that go one way are read both ways{kept}")
        if _differ(data, proper):
            said.append("edges between the same nodes get the mean of their weights and features")
        elif len(keys) < int(proper.sum()):
            said.append("parallel edges are read as one")
    if (reading is None or not reading.self_loops) and not bool(proper.all()):
        kept = "" if reading is None else " (self_loops=true keeps them)"
        said.append(f"loops are left out{kept}")
    return {"directions": "; ".join(said)} if said else {}


def _differ(data: Data, proper: Tensor) -> bool:
    """Whether edges between the same two nodes hold different things."""
    assert data.edge_index is not None
    low, high = data.edge_index[:, proper].aminmax(dim=0)
    _, pair = (low * int(data.num_nodes or 0) + high).unique(return_inverse=True)
    for name in OF_EDGES:
        if data.get(name) is not None:
            value = data[name][proper]
            one = torch.zeros_like(value).index_put((pair,), value)
            if not torch.equal(one[pair], value):
                return True
    return False


def kind_of(value: Any) -> str:
    """Return the name of a value's type, and of what a list holds."""
    if isinstance(value, list | tuple) and value:
        return f"a {type(value).__name__} of {type(value[0]).__name__}"
    return type(value).__name__
