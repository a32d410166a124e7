from __future__ import annotations

import random

import networkx as nx
import pytest

from graphpoly.data.graph6 import MOST_NODES, decode_graph6, graph6_lines

SIZES = (0, 1, 2, 3, 4, 7, 8, 16, 17, 31, 32, 62, 63, 64, 130)


def both(edges) -> list[list[int]]:
    return sorted([[u, v] for u, v in edges] + [[v, u] for u, v in edges if u != v])


def digraph6(graph: nx.DiGraph) -> bytes:
    """Written out: the matrix, row by row, six bits a byte."""
    size = len(graph)
    bits = [int(graph.has_edge(u, v)) for u in range(size) for v in range(size)]
    bits += [0] * (-len(bits) % 6)
    head = [size] if size < 63 else [63, size >> 12, size >> 6 & 63, size & 63]
    sixes = [int("".join(map(str, bits[i : i + 6])), 2) for i in range(0, len(bits), 6)]
    return b"&" + bytes(six + 63 for six in (*head, *sixes))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_lines_are_read_as_networkx_writes_them(size, share) -> None:
    graph = nx.gnp_random_graph(size, share, seed=size)
    for written in (nx.to_graph6_bytes(graph), nx.to_sparse6_bytes(graph)):
        (line,) = graph6_lines(written)
        found, edge_index = decode_graph6(line)
        assert found == size
        assert edge_index.T.tolist() == both(graph.edges)
    directed = nx.gnp_random_graph(size, share, seed=size, directed=True)
    found, edge_index = decode_graph6(digraph6(directed))
    assert (found, edge_index.T.tolist()) == (size, sorted(map(list, directed.edges)))


@pytest.mark.parametrize("size", [n for n in SIZES if n > 1])
def test_loops_and_parallel_edges_of_sparse6(size) -> None:
    draw = random.Random(size)
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from((draw.randrange(size), draw.randrange(size)) for _ in range(3 * size))
    (line,) = graph6_lines(nx.to_sparse6_bytes(graph))
    found, edge_index = decode_graph6(line)
    assert (found, edge_index.T.tolist()) == (size, both(graph.edges()))


def test_digraph6_of_the_formats_own_description() -> None:
    # 5 nodes, edges 0-2, 0-4, 3-1, 3-4
    size, edge_index = decode_graph6(b"&DI?AO?")
    assert (size, edge_index.T.tolist()) == (5, [[0, 2], [0, 4], [3, 1], [3, 4]])


def test_headers_stand_anywhere() -> None:
    content = b">>sparse6<<\n:Bo\r\n\n>>graph6<<Bw\n>>digraph6<<&AO\n"
    assert graph6_lines(content) == [b":Bo", b"Bw", b"&AO"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b":~~@?????", "sparse6 of 1073741824 nodes, more than"),
        (b"~~~~~~~~", f"graph6 of 68719476735 nodes, more than {MOST_NODES}"),
        (b"&~~~~~~~~", "digraph6 of 68719476735 nodes, more than"),
        (b"~~@", "graph6 that is cut short"),
        (b":~?", "sparse6 that is cut short"),
        (b"~?@?", "graph6 of 64 nodes with 0 bytes"),
        (b"&B", "digraph6 of 3 nodes with 0 bytes"),
        (b":", "not sparse6"),
        (b"B\x1f", "not graph6"),
        (b"", "not graph6"),
        (b";Bo", "incremental sparse6"),
    ],
)
def test_what_a_line_may_not_say(line, what) -> None:
    with pytest.raises(ValueError, match=what):
        decode_graph6(line)
