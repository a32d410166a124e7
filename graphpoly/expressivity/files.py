"""Graphs from files: what networkx reads, and what PyG saves."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.files import pyg_storage_allowed

__all__ = ["FORMATS", "of_networkx", "read_graph", "read_graphs"]


def read_graphs(path: str | Path, *, label: str | None = None) -> list[Data]:
    """Read all graphs of a file.

    Args:
        path: The ending says what it is: ``.g6`` or ``.graph6``, ``.s6`` or ``.sparse6`` (a graph a
            line), ``.edgelist``, ``.edges`` or ``.txt`` (two names a line), ``.graphml``, ``.json``
            (node-link) or ``.pt`` (``Data`` or a list of ``Data``).
        label: Attribute of nodes and edges that becomes ``x`` and ``edge_attr``, for the formats
            that networkx reads; by default graphs have no labels.

    Raises:
        ValueError: If the ending is unknown or the file cannot be read.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: unknown ending; {', '.join(FORMATS)} are accepted")
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    try:
        found = reader(path)
    except (LookupError, ValueError, TypeError, nx.NetworkXException, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as {path.suffix}: {error}") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: cannot be read as {path.suffix}: {reason}") from error
    graphs = [one if isinstance(one, Data) else of_networkx(one, label=label) for one in found]
    if not graphs:
        raise ValueError(f"{path}: holds no graph")
    return graphs


def read_graph(place: str, *, label: str | None = None) -> Data:
    """Read one graph: ``FILE``, or ``FILE#3`` for the fourth graph of the file.

    Raises:
        ValueError: As :func:`read_graphs`, and if there is no such graph in the file.
    """
    path, mark, number = place.rpartition("#")
    if not mark or not number.isdigit():
        path, number = place, "0"
    graphs = read_graphs(path, label=label)
    if not mark and len(graphs) > 1:
        raise ValueError(f"{path}: holds {len(graphs)} graphs; say which one: {path}#0")
    if int(number) >= len(graphs):
        raise ValueError(f"{path}: got graph {number}; it holds 0 to {len(graphs) - 1}")
    return graphs[int(number)]


def of_networkx(graph: nx.Graph, *, label: str | None = None) -> Data:
    """Return a networkx graph as ``Data``; undirected edges go in both directions.

    Args:
        graph: Directed or not, with parallel edges or without.
        label: Attribute of nodes and edges to keep; values that are no numbers are named by a hash
            of their text.

    >>> of_networkx(nx.path_graph(3)).edge_index.tolist()
    [[0, 1, 1, 2], [1, 2, 0, 1]]
    """
    place = {node: number for number, node in enumerate(graph)}
    listed = list(graph.edges(data=True))
    edges = torch.tensor([(place[u], place[v]) for u, v, _ in listed]).reshape(-1, 2).long().T
    loops = edges[0] == edges[1]
    directed = graph.is_directed()
    x = edge_attr = None
    if label is not None:
        x = _values([held.get(label) for _, held in graph.nodes(data=True)])
        edge_attr = _values([held.get(label) for *_, held in listed])
        if x is None and edge_attr is None:
            raise ValueError(f"label: no node and no edge has an attribute {label!r}")
    if not directed:
        edges = torch.cat([edges, edges[:, ~loops].flip(0)], 1)
        if edge_attr is not None:
            edge_attr = torch.cat([edge_attr, edge_attr[~loops]])
    return Data(x=x, edge_index=edges, edge_attr=edge_attr, num_nodes=len(place))


def _values(values: list[Any]) -> Tensor | None:
    if all(value is None for value in values):
        return None
    if all(isinstance(value, int | float) for value in values):
        return torch.tensor(values, dtype=torch.float64)
    digests = [hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in values]
    return torch.tensor([int.from_bytes(digest, "little", signed=True) for digest in digests])


def _lines(read: Callable[[bytes], nx.Graph]) -> Callable[[Path], Iterable[nx.Graph]]:
    def reader(path: Path) -> list[nx.Graph]:
        lines = [line.strip() for line in path.read_bytes().splitlines()]
        return [read(line) for line in lines if line and line != b">>graph6<<"]

    return reader


def _json(path: Path) -> list[nx.Graph]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or "nodes" not in data:
        raise ValueError("expected node-link data: an object with nodes and links")
    return [nx.node_link_graph(data, edges="links" if "links" in data else "edges")]


def _pt(path: Path) -> list[Data]:
    with pyg_storage_allowed():
        held = torch.load(path, weights_only=True, map_location="cpu")
    if isinstance(held, Data):
        return [held]
    if isinstance(held, list | tuple) and all(isinstance(one, Data) for one in held):
        return list(held)
    raise ValueError(f"got {type(held).__name__}, expected Data or a list of Data")


def _edge_list(path: Path) -> list[nx.Graph]:
    return [nx.read_edgelist(path)]


# what reads the files with each ending
FORMATS: dict[str, Callable[[Path], Iterable[Any]]] = {
    ".g6": _lines(nx.from_graph6_bytes),
    ".graph6": _lines(nx.from_graph6_bytes),
    ".s6": _lines(nx.from_sparse6_bytes),
    ".sparse6": _lines(nx.from_sparse6_bytes),
    ".edgelist": _edge_list,
    ".edges": _edge_list,
    ".txt": _edge_list,
    ".graphml": lambda path: [nx.read_graphml(path)],
    ".json": _json,
    ".pt": _pt,
}
