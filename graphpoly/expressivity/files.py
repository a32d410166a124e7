"""Graphs from files: what networkx reads, what nauty, tables and PyG hold."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from networkx.readwrite.graphml import GraphMLReader
from torch_geometric.data import Data

from graphpoly.data.graph6 import decode_graph6, graph6_lines
from graphpoly.expressivity.edge_lists import read_edge_list, read_matrix_market
from graphpoly.expressivity.labels import label_values
from graphpoly.expressivity.saved import read_saved

__all__ = ["FORMATS", "attributes_of", "of_networkx", "read_graph", "read_graphs"]

_MOST_BYTES = 1 << 31  # of what a .gz unpacks to


def read_graphs(
    path: str | Path, *, label: str | None = None, directed: bool = False
) -> list[Data]:
    """Read all graphs of a file.

    Args:
        path: The ending says what it is, and ``.gz`` may follow every one:

            * ``.g6`` (``.graph6``), ``.s6`` (``.sparse6``), ``.d6`` (``.digraph6``): a graph a
              line, each in any of the three formats;
            * ``.edgelist``, ``.edges``, ``.txt``, ``.csv``, ``.tsv``: an edge a line, see
              :func:`~graphpoly.expressivity.edge_lists.read_edge_list`;
            * ``.mtx``: Matrix Market, where values are weights;
            * ``.graphml``, ``.gml``, ``.json`` (node-link, one graph or a list of them);
            * ``.pt``: ``Data``, a list of ``Data`` or a ``Batch``.
        label: Attribute of nodes and edges that becomes ``x`` and ``edge_attr``, for the formats
            that have attributes; by default they are not read. (Weights of edge lists and of
            Matrix Market, and what PyG saved, are.)
        directed: Whether each line of a list of edges goes one way. Other formats say so.

    Raises:
        ValueError: If the ending is unknown, or the file cannot be read, holds no graph or one
            that is broken; in one line that names the file.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".gz":
        ending = Path(path.stem).suffix.lower()
    reader = FORMATS.get(ending)
    if reader is None:
        raise ValueError(f"{path}: unknown ending; {', '.join(FORMATS)} are accepted, and .gz")
    if directed and ending not in _LISTS:
        raise ValueError(
            f"{path}: directed: {ending} itself says which edges go one way; only "
            f"{', '.join(_LISTS)} do not"
        )
    if label is not None and ending in _BARE:
        raise ValueError(f"{path}: label: {ending} has no attributes to choose from")
    if not path.is_file():
        raise FileNotFoundError(2, "no such file or directory", str(path))
    try:
        graphs = [
            one if isinstance(one, Data) else of_networkx(one, label=label)
            for one in reader(_content(path), label, directed)
        ]
        if not graphs:
            raise ValueError("holds no graph")
    except Exception as error:  # whatever a broken file makes a parser raise
        raise ValueError(f"{path}: cannot be read as {ending}: {_reason(error)}") from error
    return graphs


def _content(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    with gzip.open(path) as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"unpacks to more than {_MOST_BYTES} bytes")
    return content


def _reason(error: BaseException) -> str:
    """What went wrong, on one line."""
    lines = str(error).strip().splitlines()
    if isinstance(error, ValueError | nx.NetworkXException) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def read_graph(place: str, *, label: str | None = None, directed: bool = False) -> Data:
    """Read one graph: ``FILE``, or ``FILE#3`` for the fourth graph of the file.

    Raises:
        ValueError: As :func:`read_graphs`, and if there is no such graph in the file.
    """
    path, number = _parted(place)
    graphs = read_graphs(path, label=label, directed=directed)
    if number is None and len(graphs) > 1:
        raise ValueError(f"{path}: holds {len(graphs)} graphs; say which one: {path}#0")
    if (number or 0) >= len(graphs):
        raise ValueError(f"{path}: got graph {number}; it holds 0 to {len(graphs) - 1}")
    return graphs[number or 0]


def attributes_of(*places: str) -> list[str]:
    """Return what :func:`read_graph` could take for ``label``, as far as it says anything.

    Names of nodes, all different in each graph that has them, are no labels, and neither is what
    all have in common.

    Args:
        *places: Graphs that can be read.
    """
    found: set[str] = set()
    graphs = [graph for graph in map(_attributed, places) if graph is not None]
    for of_nodes in (True, False):
        held = [
            [each[-1] for each in (graph.nodes if of_nodes else graph.edges)(data=True)]
            for graph in graphs
        ]
        for name in {name for some in held for each in some for name in each}:
            values = [[repr(each.get(name)) for each in some] for some in held]
            given = [some for some in values if set(some) != {repr(None)}]
            are_names = of_nodes and all(len(set(some)) == len(some) for some in given)
            if len(set().union(*values)) > 1 and not are_names:
                found.add(str(name))
    return sorted(found)


def _attributed(place: str) -> nx.Graph | None:
    path, number = _parted(place)
    ending = Path(Path(path).stem if path.lower().endswith(".gz") else path).suffix.lower()
    if ending not in _ATTRIBUTED:
        return None
    return FORMATS[ending](_content(Path(path)), None, False)[number or 0]


def _parted(place: str) -> tuple[str, int | None]:
    """The file, and which of its graphs if that is said."""
    path, mark, number = place.rpartition("#")
    return (path, int(number)) if mark and number.isdigit() else (place, None)


def of_networkx(graph: nx.Graph, *, label: str | None = None) -> Data:
    """Return a networkx graph as ``Data``; undirected edges go in both directions.

    Args:
        graph: Directed or not, with parallel edges or without.
        label: Attribute of nodes and edges to keep, see
            :func:`~graphpoly.expressivity.labels.label_values`.

    Raises:
        ValueError: If nothing has that attribute.

    >>> of_networkx(nx.path_graph(3)).edge_index.tolist()
    [[0, 1, 1, 2], [1, 2, 0, 1]]
    """
    place = {node: number for number, node in enumerate(graph)}
    listed = list(graph.edges(data=True))
    pairs = torch.tensor([(place[u], place[v]) for u, v, _ in listed], device="cpu")
    edges = pairs.reshape(-1, 2).long().T
    loops = edges[0] == edges[1]
    directed = graph.is_directed()
    x = edge_attr = None
    if label is not None:
        x = label_values([held.get(label) for _, held in graph.nodes(data=True)])
        edge_attr = label_values([held.get(label) for *_, held in listed])
        if x is None and edge_attr is None:
            raise ValueError(f"label: no node and no edge has an attribute {label!r}")
    if not directed:
        edges = torch.cat([edges, edges[:, ~loops].flip(0)], 1)
        if edge_attr is not None:
            edge_attr = torch.cat([edge_attr, edge_attr[~loops]])
    return Data(x=x, edge_index=edges, edge_attr=edge_attr, num_nodes=len(place))


def _graph6(content: bytes, *_: Any) -> list[Data]:
    graphs = []
    for number, line in enumerate(graph6_lines(content)):
        try:
            size, edge_index = decode_graph6(line)
        except ValueError as error:
            raise ValueError(f"graph {number}: {error}") from error
        graphs.append(Data(edge_index=edge_index, num_nodes=size))
    return graphs


def _edges(table: bool) -> Callable[[bytes, str | None, bool], list[Data]]:
    def reader(content: bytes, label: str | None, directed: bool) -> list[Data]:
        return [read_edge_list(content, label=label, directed=directed, table=table)]

    return reader


def _graphml(content: bytes, *_: Any) -> list[nx.Graph]:
    return list(GraphMLReader()(path=io.BytesIO(content)))


def _gml(content: bytes, *_: Any) -> list[nx.Graph]:
    return [nx.parse_gml(content.decode("utf-8-sig"), label=None)]


def _json(content: bytes, *_: Any) -> list[nx.Graph]:
    held = json.loads(content.decode("utf-8-sig"))
    return [_node_link(data) for data in (held if isinstance(held, list) else [held])]


def _node_link(data: Any) -> nx.Graph:
    key = "links" if isinstance(data, dict) and "links" in data else "edges"
    if not isinstance(data, dict) or "nodes" not in data or key not in data:
        raise ValueError("expected node-link data: an object with nodes and links")
    graph = nx.node_link_graph(data, edges=key)
    if len(graph) > len(data["nodes"]):
        raise ValueError(f"{key}: an edge names a node that is not among the nodes")
    return graph


# what reads the files with each ending: content, attribute to keep, whether lines go one way
FORMATS: dict[str, Callable[[bytes, str | None, bool], Sequence[Any]]] = {
    **dict.fromkeys((".g6", ".graph6", ".s6", ".sparse6", ".d6", ".digraph6"), _graph6),
    **dict.fromkeys((".edgelist", ".edges", ".txt"), _edges(table=False)),
    **dict.fromkeys((".csv", ".tsv"), _edges(table=True)),
    ".mtx": lambda content, *_: [read_matrix_market(content)],
    ".graphml": _graphml,
    ".gml": _gml,
    ".json": _json,
    ".pt": lambda content, *_: read_saved(content),
}
_LISTS = (".edgelist", ".edges", ".txt", ".csv", ".tsv")
_BARE = (".g6", ".graph6", ".s6", ".sparse6", ".d6", ".digraph6")
_ATTRIBUTED = (".graphml", ".gml", ".json")
