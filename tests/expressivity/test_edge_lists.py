from __future__ import annotations

import io

import networkx as nx
import pytest
import scipy.io
import scipy.sparse

from graphpoly.expressivity.edge_lists import read_edge_list, read_matrix_market

TRIANGLE = [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]


def edges(data) -> list[list[int]]:
    return sorted(data.edge_index.T.tolist())


@pytest.mark.parametrize("mark", [",", ", ", ";", "\t", " ", "  \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_separator(mark, end) -> None:
    text = end.join(mark.join(pair) for pair in ("ab", "bc", "ca"))
    for table in (False, True):
        data = read_edge_list(text.encode(), table=table)
        assert edges(data) == TRIANGLE
        assert data.edge_attr is None
    weighted = end.join(mark.join([*pair, ".5"]) for pair in ("ab", "bc", "ca"))
    data = read_edge_list(weighted.encode())
    assert edges(data) == TRIANGLE
    assert data.edge_attr.tolist() == [0.5] * 6


def test_what_networkx_writes() -> None:
    graph = nx.Graph()
    graph.add_weighted_edges_from([(0, 1, 2), (1, 2, 0.25), (2, 2, 1e-3)])
    held = io.BytesIO()
    nx.write_weighted_edgelist(graph, held)
    data = read_edge_list(held.getvalue())
    assert data.edge_attr.tolist() == [2, 0.25, 1e-3, 2, 0.25]
    assert data.edge_index.tolist() == [[0, 1, 2, 1, 2], [1, 2, 2, 0, 1]]
    held = io.BytesIO()
    nx.write_edgelist(graph, held)
    assert read_edge_list(held.getvalue()).edge_attr is None
    assert read_edge_list(held.getvalue(), label="weight").edge_attr.tolist() == [
        *(2, 0.25, 1e-3),
        *(2, 0.25),
    ]
    with pytest.raises(ValueError, match="no edge has an attribute 'kind'"):
        read_edge_list(held.getvalue(), label="kind")


def test_tables_may_name_their_columns() -> None:
    text = b"source,target,kind,Weight\na,b,x,1\nb,c,y,2\n"
    data = read_edge_list(text, table=True)
    assert data.num_nodes == 3
    assert data.edge_attr.tolist() == [1, 2, 1, 2]
    kinds = read_edge_list(text, table=True, label="kind").edge_attr
    assert kinds[0] == kinds[2] != kinds[1]
    assert read_edge_list(b"one;two\n1;2\n2;3\n", table=True).num_nodes == 3
    # names of nodes are no names of columns
    assert read_edge_list(b"one,two\ntwo,three\n", table=True).num_nodes == 3
    assert read_edge_list(b'"New York",Boston\nBoston,"New York"\n', table=True).num_nodes == 2
    assert read_edge_list(b"New York\tBoston\n", table=True).num_nodes == 2


def test_comments_marks_and_repetitions() -> None:
    text = b"\xef\xbb\xbf# head\n% head\n\na b  # tail\n// no\nb a\na b\n"
    assert edges(read_edge_list(text)) == [[0, 1], [1, 0]]
    assert edges(read_edge_list(text, directed=True)) == [[0, 1], [1, 0]]
    assert edges(read_edge_list(b"a b\na c\n", directed=True)) == [[0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "holds no edge"),
        (b"# nothing\n\n", "holds no edge"),
        (b"a b\nc\n", "line 2: got 'c', expected the two ends of an edge"),
        (b"a,b\nc d\n", "line 2: got 'c d', expected the two ends"),
        (b"# one\na b\nc,\n", "line 3: got 'c,', expected the two ends"),
        (b"a,b\n,c\n", "line 2: got ',c', expected the two ends"),
        (b"a b 1\n\nc d\n", "line 3: got 2 columns, expected 3"),
        (b"a b\nc d 1\n", "line 2: got 3 columns, expected 2"),
        (b"a b 1 2\n", "line 1: got 4 columns, expected the two ends and a weight"),
        (b"a b x\n", "line 1: got 'x', expected a number as the weight"),
        (b"a b 1_0\n", "line 1: got '1_0', expected a number as the weight"),
        (b"a b infinity\n", "line 1: got 'infinity', expected a number as the weight"),
        (b"a b nan\n", "line 1: got 'nan', expected a number"),
        (b"a b 1e999\n", "line 1: got '1e999', expected a number"),
        (b"a b 1\nb a 2\n", "line 2: b and a are joined by 2 and, in a line before, by 1; is the"),
        (b"a b {x}\n", "line 1: got '{x}', expected attributes"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_line_that_is_no_edge_is_named(text, what) -> None:
    with pytest.raises(ValueError, match=what):
        read_edge_list(text)


def written(matrix, **arguments) -> bytes:
    held = io.BytesIO()
    scipy.io.mmwrite(held, matrix, **arguments)
    return held.getvalue()


def test_matrix_market() -> None:
    matrix = scipy.sparse.coo_array(([2.0, 3.0, 5.0], ([0, 1, 2], [1, 0, 2])), shape=(4, 4))
    data = read_matrix_market(written(matrix))
    assert data.num_nodes == 4
    found = dict(zip(map(tuple, data.edge_index.T.tolist()), data.edge_attr.tolist(), strict=True))
    assert found == {(0, 1): 2, (1, 0): 3, (2, 2): 5}
    assert read_matrix_market(written(matrix, field="pattern")).edge_attr is None
    dense = read_matrix_market(written(matrix.toarray()))
    assert edges(dense) == [[0, 1], [1, 0], [2, 2]]
    symmetric = written((matrix + matrix.T) / 2, symmetry="symmetric")
    assert edges(read_matrix_market(symmetric)) == [[0, 1], [1, 0], [2, 2]]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"1 2\n", "line 1: expected %%MatrixMarket"),
        (b"%%MatrixMarket matrix coordinate complex general\n", "line 1: got complex entries"),
        (b"%%MatrixMarket matrix coordinate real hermitian\n", "line 1: got a hermitian matrix"),
        (b"%%MatrixMarket matrix coordinate real general\n%\n3 3\n", "line 3: expected 3 sizes"),
        (b"%%MatrixMarket matrix coordinate real general\n3 4 1\n1 4 1\n", "line 2: got 3 x 4"),
        (
            b"%%MatrixMarket matrix coordinate pattern general\n68719476736 68719476736 1\n1 1\n",
            "line 2: 68719476736 nodes and 1 entries; at most",
        ),
        (
            b"%%MatrixMarket matrix coordinate pattern general\n3 3 68719476736\n1 1\n",
            "line 2: 3 nodes and 68719476736 entries; at most",
        ),
        (b"%%MatrixMarket matrix array real general\n262144 262144\n1\n", "68719476736 entries"),
        (b"%%MatrixMarket matrix coordinate real general\n3 3 0\n", "holds no edge"),
        (b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 9 1\n", "out of bounds"),
        (b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 nan\n", "not finite"),
    ],
)
def test_matrices_that_are_no_graph_are_named(text, what) -> None:
    with pytest.raises(ValueError, match=what):
        read_matrix_market(text)
