from __future__ import annotations

import gzip
import json
from pathlib import Path

import networkx as nx
import pytest
import scipy.io
import torch
from torch_geometric.data import Batch, Data

from graphpoly.expressivity import of_networkx, read_graph, read_graphs
from graphpoly.expressivity.files import FORMATS, attributes_of


def dense(data: Data) -> list[list[int]]:
    size = int(data.num_nodes or 0)
    matrix = torch.zeros(size, size, dtype=torch.int64)
    return matrix.index_put(tuple(data.edge_index), torch.tensor(1), accumulate=True).tolist()


def test_every_format_gives_the_graph(tmp_path) -> None:
    graph = nx.house_graph()
    expected = nx.to_numpy_array(graph, dtype=int).tolist()
    nx.write_graph6(graph, tmp_path / "a.g6")
    nx.write_sparse6(graph, tmp_path / "a.s6", header=False)
    nx.write_graphml(graph, tmp_path / "a.graphml")
    nx.write_edgelist(graph, tmp_path / "a.edgelist")
    (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges="links")))
    (tmp_path / "b.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    torch.save(of_networkx(graph), tmp_path / "a.pt")
    torch.save([of_networkx(graph)], tmp_path / "b.pt")
    torch.save(Batch.from_data_list([of_networkx(graph)]), tmp_path / "c.pt")
    nx.write_gml(graph, tmp_path / "a.gml")
    nx.write_weighted_edgelist(
        nx.Graph(graph.edges, weight=1), tmp_path / "b.edgelist", delimiter="\t"
    )
    (tmp_path / "c.json").write_text(json.dumps([nx.node_link_data(graph, edges="links")]))
    scipy.io.mmwrite(tmp_path / "a.mtx", nx.to_scipy_sparse_array(graph), symmetry="symmetric")
    scipy.io.mmwrite(tmp_path / "b.mtx", nx.to_scipy_sparse_array(graph), symmetry="general")
    scipy.io.mmwrite(tmp_path / "c.mtx", nx.to_numpy_array(graph))
    matrix = "".join(str(entry) for row in expected for entry in row).ljust(30, "0")
    sixes = bytes(int(matrix[i : i + 6], 2) + 63 for i in range(0, 30, 6))
    (tmp_path / "a.d6").write_bytes(b">>digraph6<<&" + bytes([5 + 63]) + sixes + b"\n")
    for mark, name in ((",", "a.csv"), (";", "b.csv"), ("\t", "a.tsv"), (" ; ", "a.edges")):
        lines = [f"{u}{mark}{v}\n" for u, v in graph.edges]
        (tmp_path / name).write_text("".join(lines))
    (tmp_path / "c.csv").write_text("From,To\n" + "".join(f"{u},{v}\n" for u, v in graph.edges))
    for path in [*tmp_path.iterdir()]:
        assert dense(read_graph(str(path))) == expected, path.name
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert dense(read_graph(str(packed))) == expected, packed.name
    assert {Path(path.stem).suffix for path in tmp_path.glob("*.gz")} == set(FORMATS) - {
        ".graph6",
        ".sparse6",
        ".digraph6",
        ".txt",
    }


def test_one_of_many(tmp_path) -> None:
    path = tmp_path / "many.g6"
    graphs = [nx.path_graph(4), nx.star_graph(3)]
    path.write_bytes(b"".join(nx.to_graph6_bytes(graph, header=False) for graph in graphs))
    assert len(read_graphs(path)) == 2
    assert dense(read_graph(f"{path}#1")) == nx.to_numpy_array(graphs[1], dtype=int).tolist()
    with pytest.raises(ValueError, match="holds 2 graphs; say which one"):
        read_graph(str(path))
    with pytest.raises(ValueError, match="got graph 2; it holds 0 to 1"):
        read_graph(f"{path}#2")


def test_labels_loops_and_directions() -> None:
    graph = nx.Graph([(0, 1, {"kind": "single"}), (1, 1, {"kind": "double"})])
    nx.set_node_attributes(graph, {0: 1.5, 1: 2}, "kind")
    data = of_networkx(graph, label="kind")
    assert data.edge_index.tolist() == [[0, 1, 1], [1, 1, 0]]
    assert data.x.tolist() == [1.5, 2.0]
    assert data.edge_attr[0] == data.edge_attr[2] != data.edge_attr[1]
    assert of_networkx(nx.DiGraph([(0, 1)])).edge_index.tolist() == [[0], [1]]
    assert of_networkx(nx.MultiGraph([(0, 1), (0, 1)])).num_edges == 4
    with pytest.raises(ValueError, match="no node and no edge has an attribute 'color'"):
        of_networkx(graph, label="color")


_BROKEN = {
    "nothing": b"",
    "noise": b"\x01[1,",
    "bytes that are no text": b"\xff\xfe\x00\x80" * 9,
    "brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("content", _BROKEN.values(), ids=list(_BROKEN))
@pytest.mark.parametrize("ending", FORMATS)
def test_a_broken_file_is_one_line(tmp_path, ending, content, packed) -> None:
    path = tmp_path / f"a{ending}{'.gz' * packed}"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"{path.name}: cannot be read as {ending}: ") as caught:
        read_graph(str(path))
    assert "\n" not in str(caught.value)
    if packed:
        for cut in (path.read_bytes()[:-3], b"no gzip"):
            path.write_bytes(cut)
            with pytest.raises(ValueError, match=rf"{path.name}: cannot be read as {ending}: "):
                read_graph(str(path))


def test_lines_of_one_file_may_have_different_formats(tmp_path) -> None:
    path = tmp_path / "mixed.g6"
    path.write_bytes(b">>graph6<<\nBw\n>>sparse6<<\n:Bo\n&BP_\n")
    assert [data.num_nodes for data in read_graphs(path)] == [3, 3, 3]
    path.write_bytes(b"Bw\nBww\n")
    with pytest.raises(ValueError, match=r"mixed.g6: cannot be read as .g6: graph 1: graph6 of 3"):
        read_graphs(path)


def test_all_graphs_of_a_graphml_file(tmp_path) -> None:
    one, other = ("".join(nx.generate_graphml(nx.path_graph(n))) for n in (2, 3))
    begin, end = other.index("<graph "), other.index("</graph>") + len("</graph>")
    path = tmp_path / "two.graphml"
    path.write_text(one.replace("</graph>", "</graph>" + other[begin:end]))
    assert [data.num_nodes for data in read_graphs(path)] == [2, 3]


def test_directions_of_lists_of_edges(tmp_path) -> None:
    for ending in (".edgelist", ".edges", ".txt", ".csv", ".tsv"):
        path = tmp_path / f"a{ending}"
        path.write_text("0 1\n1 2\n")
        assert read_graph(str(path)).edge_index.T.tolist() == [[0, 1], [1, 2], [1, 0], [2, 1]]
        one_way = read_graph(str(path), directed=True)
        assert one_way.edge_index.T.tolist() == [[0, 1], [1, 2]]
    with pytest.raises(ValueError, match=r"directed: \.graphml itself says"):
        read_graph("a.graphml", directed=True)


def test_edges_of_node_link_data_have_nodes(tmp_path) -> None:
    path = tmp_path / "a.json"
    held = {"nodes": [{"id": 0}], "links": [{"source": 0, "target": 7}]}
    path.write_text(json.dumps(held))
    with pytest.raises(ValueError, match="an edge names a node that is not among the nodes"):
        read_graph(str(path))
    path.write_text(json.dumps({"nodes": []}))
    with pytest.raises(ValueError, match="expected node-link data"):
        read_graph(str(path))


def test_labels_are_one_in_every_column_and_format(tmp_path) -> None:
    """1 and 1.0 are one label, beside numbers and beside texts, in JSON and in GraphML."""
    graphs = []
    for one, rest in ((1, 2), (1.0, 2), (True, 2), (1, "a"), (1.0, "a"), (1, None)):
        graph = nx.Graph([("u", "v", {"kind": one}), ("v", "w", {"kind": rest})])
        nx.set_node_attributes(graph, {"u": one, "v": rest, "w": one}, "kind")
        (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges="links")))
        graphs.append(of_networkx(graph, label="kind"))
        graphs.append(read_graph(str(tmp_path / "a.json"), label="kind"))
    assert {float(data.x[0]) for data in graphs} == {1.0}
    assert {float(data.edge_attr[0]) for data in graphs} == {1.0}
    text = of_networkx(nx.Graph([(0, 1, {"kind": "1"})]), label="kind")
    assert float(text.edge_attr[0]) != 1.0


def test_other_mistakes_are_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="unknown ending"):
        read_graph("graph.xyz")
    with pytest.raises(FileNotFoundError):
        read_graph(str(tmp_path / "none.g6"))
    torch.save({"not": "a graph"}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="got dict, expected Data"):
        read_graph(str(tmp_path / "a.pt"))


def test_attributes_that_could_be_labels(tmp_path) -> None:
    one, other = nx.path_graph(4), nx.path_graph(4)
    for node in range(4):
        one.nodes[node].update(name=f"n{node}", kind=node % 2, place=node, alike=1)
        other.nodes[node].update(name=f"m{node}", kind=1, place=0, alike=1)
    one.edges[0, 1]["weight"] = 2.0
    nx.write_graphml(one, tmp_path / "a.graphml")
    nx.write_gml(other, tmp_path / "b.gml")
    with gzip.open(tmp_path / "c.JSON.gz", "wt") as stream:
        json.dump([nx.node_link_data(each, edges="links") for each in (other, one)], stream)
    nx.write_edgelist(one, tmp_path / "d.edgelist")
    a, b, c, d = (
        str(tmp_path / name) for name in ("a.graphml", "b.gml", "c.JSON.gz", "d.edgelist")
    )
    assert attributes_of(a) == ["kind", "weight"]
    assert attributes_of(b) == attributes_of(d) == attributes_of(f"{c}#0") == []
    assert attributes_of(a, b, d) == ["kind", "place", "weight"]
    assert attributes_of(f"{c}#1", f"{c}#0") == attributes_of(a, b)
    assert all(read_graph(a, label=name) is not None for name in attributes_of(a))
