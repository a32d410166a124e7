"""Edges in text: lists of edges with any separator, and Matrix Market."""

from __future__ import annotations

import ast
import csv
import io
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.io
import torch
from torch_geometric.data import Data

from graphpoly.data.graph6 import MOST_NODES
from graphpoly.expressivity.labels import label_values

__all__ = ["read_edge_list", "read_matrix_market"]

_COMMENTS = ("#", "%", "//")
# what a table's first line calls the ends of an edge
_HEADS = {("source", "target"), ("src", "dst"), ("from", "to"), ("node1", "node2")}
_DICT = re.compile(r"^(.*?)[\s,;]*(\{.*\})$")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def read_edge_list(
    content: bytes, *, label: str | None = None, directed: bool = False, table: bool = False
) -> Data:
    """Read edges, one a line: two names, and perhaps a weight, which becomes ``edge_attr``.

    The first line says what stands between them: a semicolon, a comma, or blanks and tabs. Lines
    that begin with ``#``, ``%`` or ``//`` are comments. In place of the weight may stand attributes
    as networkx writes them, ``{'kind': 1}``, of which ``label`` chooses one.

    Args:
        content: Of the file.
        label: Attribute that becomes ``edge_attr``.
        directed: Whether a line is an edge from the first node to the second.
        table: Tabs alone separate, too, and the first line may name the columns, which are
            attributes then; that of the name ``weight`` is the weight.

    Raises:
        ValueError: If a line is no edge, naming its number; if an edge comes twice with different
            values; if there is no edge.

    >>> data = read_edge_list(b"a,b,2\\nb,c,.5\\n")
    >>> data.edge_index.tolist(), data.edge_attr.tolist()
    ([[0, 1, 1, 2], [1, 2, 0, 1]], [2.0, 0.5, 2.0, 0.5])
    """
    rows = list(_rows(content.decode("utf-8-sig"), table))
    names = _header(rows) if table else None
    if names is not None:
        del rows[0]
    place: dict[str, int] = {}
    held: dict[tuple[int, int], Any] = {}
    width = None
    for number, line, fields, attributes in rows:
        if width is None:
            width = len(fields)
        if len(fields) < 2 or not all(fields[:2]):
            raise ValueError(f"line {number}: got {_short(line)}, expected the two ends of an edge")
        if len(fields) != width:
            raise ValueError(
                f"line {number}: got {len(fields)} columns, expected {width} as in the lines before"
            )
        value = _value(number, fields, attributes, names, label)
        ends = place.setdefault(fields[0], len(place)), place.setdefault(fields[1], len(place))
        key = ends if directed or ends[0] <= ends[1] else ends[::-1]
        if key in held and held[key] != value:
            other = "" if directed else "; is the graph directed?"
            raise ValueError(
                f"line {number}: {fields[0]} and {fields[1]} are joined by {value} and, in a line "
                f"before, by {held[key]}{other}"
            )
        held[key] = value
    if not held:
        raise ValueError("holds no edge")
    edges = torch.tensor(list(held), device="cpu").T
    edge_attr = label_values(list(held.values()))
    if label is not None and edge_attr is None:
        raise ValueError(f"label: no edge has an attribute {label!r}")
    if not directed:
        back = edges[0] != edges[1]
        edges = torch.cat([edges, edges[:, back].flip(0)], 1)
        edge_attr = None if edge_attr is None else torch.cat([edge_attr, edge_attr[back]])
    return Data(edge_index=edges, edge_attr=edge_attr, num_nodes=len(place))


def _rows(text: str, table: bool) -> Iterator[tuple[int, str, list[str], dict[str, Any] | None]]:
    """Number, line, fields, and attributes where they are written out."""
    separator: str | None = None
    begun = False
    for number, raw in enumerate(text.splitlines(), 1):
        line, attributes = raw.strip(), None
        if not line or line.startswith(_COMMENTS):
            continue
        found = _DICT.match(line)
        if found is not None:
            line = found[1]
            try:
                attributes = ast.literal_eval(found[2])
            except (ValueError, SyntaxError):
                raise ValueError(
                    f"line {number}: got {_short(found[2])}, expected attributes as {{'name': 1}}"
                ) from None
        elif "#" in line and '"' not in line:
            line = line[: line.index("#")].strip()
        if not begun:
            begun = True
            separator = next((mark for mark in ";," if mark in line), None)
            if separator is None and table and "\t" in line:
                separator = "\t"
        if separator is None:
            fields = line.split()
        else:
            fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
            fields = [field.strip() for field in fields]
            while len(fields) > 2 and not fields[-1]:
                fields.pop()
        yield number, raw.strip(), fields, attributes


def _header(rows: list[tuple[int, str, list[str], dict[str, Any] | None]]) -> list[str] | None:
    """The names of the columns, if the first line holds them."""
    if len(rows) < 2:
        return None
    first = rows[0][2]
    known = tuple(field.lower() for field in first[:2]) in _HEADS
    rest = (field for _, _, fields, _ in rows[1:] for field in fields[:2])
    if known or (not any(map(_NUMBER.match, first[:2])) and all(map(_NUMBER.match, rest))):
        return first
    return None


def _value(
    number: int,
    fields: list[str],
    attributes: dict[str, Any] | None,
    names: list[str] | None,
    label: str | None,
) -> Any:
    """What is on an edge: the attribute that is asked for, or its weight."""
    columns = dict(zip(names[2:], fields[2:], strict=False)) if names is not None else None
    if attributes is not None:
        return None if label is None else attributes.get(label)
    if columns is not None:
        weights = [name for name in columns if name.lower() == "weight"]
        if label is not None:
            text = columns.get(label)
            return text if text is None or not _NUMBER.match(text) else _number(number, text)
        return _number(number, columns[weights[0]]) if weights else None
    if len(fields) == 2:
        return None
    if len(fields) > 3:
        raise ValueError(
            f"line {number}: got {len(fields)} columns, expected the two ends and a weight"
        )
    weight = _number(number, fields[2])
    return weight if label in (None, "weight") else None


def _number(line: int, text: str) -> float | int:
    value: float | int = math.nan
    if _NUMBER.match(text):  # Python itself would take 1_0 for 10
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if value != value or abs(value) == math.inf:
        raise ValueError(f"line {line}: got {_short(text)}, expected a number as the weight")
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def read_matrix_market(content: bytes) -> Data:
    """Read an adjacency matrix: an entry (i, j) is an edge from i to j, its value the weight.

    A symmetric matrix, of which the file has one triangle, is an undirected graph. Of a dense
    matrix, entries other than 0 are edges.

    Raises:
        ValueError: If the matrix is not square, not of real numbers or integers, claims more than
            :data:`~graphpoly.data.graph6.MOST_NODES` nodes or more entries than the file has lines,
            or has no entry.

    >>> text = b"%%MatrixMarket matrix coordinate pattern symmetric\\n3 3 2\\n2 1\\n3 2\\n"
    >>> sorted(read_matrix_market(text).edge_index.T.tolist())
    [[0, 1], [1, 0], [1, 2], [2, 1]]
    """
    lines = content.splitlines()
    kind = lines[0].decode("ascii", "replace").lower().split() if lines else []
    if len(kind) != 5 or kind[:2] != ["%%matrixmarket", "matrix"]:
        raise ValueError("line 1: expected %%MatrixMarket matrix and what it holds")
    if kind[3] not in ("real", "double", "integer", "unsigned-integer", "pattern"):
        raise ValueError(f"line 1: got {kind[3]} entries, expected real, integer or pattern")
    if kind[4] not in ("general", "symmetric"):
        raise ValueError(f"line 1: got a {kind[4]} matrix, expected general or symmetric")
    numbered = enumerate(lines[1:], 2)
    number, sizes = next(
        ((n, line.split()) for n, line in numbered if line.strip() and line.strip()[:1] != b"%"),
        (len(lines), []),
    )
    wanted = 3 if kind[2] == "coordinate" else 2
    if len(sizes) != wanted or not all(size.isdigit() for size in sizes):
        raise ValueError(f"line {number}: expected {wanted} sizes of the matrix")
    rows, columns, entries = [*map(int, sizes), 0][:3]
    if rows != columns:
        raise ValueError(f"line {number}: got {rows} x {columns}, expected a square matrix")
    if wanted == 2:
        entries = rows * columns if kind[4] == "general" else rows * (rows + 1) // 2
    if rows > MOST_NODES or entries > len(lines) - number:
        raise ValueError(
            f"line {number}: {rows} nodes and {entries} entries; at most {MOST_NODES} nodes and "
            f"{len(lines) - number} entries, as many as lines follow, are accepted"
        )
    matrix = scipy.io.mmread(io.BytesIO(content))
    if isinstance(matrix, np.ndarray):
        source, target = matrix.nonzero()
        values = matrix[source, target]
    else:
        matrix = matrix.tocoo()
        source, target, values = matrix.row, matrix.col, matrix.data
    if not len(source):
        raise ValueError("holds no edge")
    if not np.isfinite(values).all():
        raise ValueError("an entry is not finite")
    edges = torch.from_numpy(np.stack([source, target]).astype(np.int64))
    edge_attr = None
    if kind[3] != "pattern":
        edge_attr = label_values(values.tolist())
    return Data(edge_index=edges, edge_attr=edge_attr, num_nodes=rows)
