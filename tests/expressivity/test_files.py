from __future__ import annotations

import json

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import of_networkx, read_graph, read_graphs


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
    names = ("a.g6", "a.s6", "a.graphml", "a.edgelist", "a.json", "b.json", "a.pt", "b.pt")
    for name in names:
        assert dense(read_graph(str(tmp_path / name))) == expected, name


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


@pytest.mark.parametrize("name", ["a.g6", "a.json", "a.pt", "a.graphml"])
def test_a_broken_file_is_one_line(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(b"\x01[1,")
    with pytest.raises(ValueError, match=rf"{name}: cannot be read as"):
        read_graph(str(tmp_path / name))


def test_other_mistakes_are_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="unknown ending"):
        read_graph("graph.xyz")
    with pytest.raises(FileNotFoundError):
        read_graph(str(tmp_path / "none.g6"))
    torch.save({"not": "a graph"}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="got dict, expected Data"):
        read_graph(str(tmp_path / "a.pt"))
