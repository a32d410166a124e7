import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.data import SR_FAMILIES, DatasetError, expressivity, load_csl, load_exp, load_sr


def test_reads_graph6(tmp_path, monkeypatch):
    folder = tmp_path / "sr" / "raw"
    folder.mkdir(parents=True)
    lines = [nx.to_graph6_bytes(graph, header=False) for graph in (nx.cycle_graph(5),) * 2]
    (folder / "sr16622.g6").write_bytes(b"".join(lines))
    one, two = load_sr("sr16622", tmp_path)
    assert one.x.tolist() == [[1.0]] * 5
    assert one.edge_index.size(1) == 10
    assert torch.equal(one.edge_index, two.edge_index)
    (folder / "sr16622.g6").write_bytes(lines[0])
    with pytest.raises(DatasetError, match="1 graphs instead of 2"):
        load_sr("sr16622", tmp_path)


def test_reads_pairs(tmp_path, monkeypatch):
    monkeypatch.setitem(expressivity._EXP, "EXP", 2)
    (tmp_path / "expressivity").mkdir()
    np.savez(
        tmp_path / "expressivity" / "EXP.npz",
        x=np.array([0, 1, 1], np.uint8),
        edges=np.array([[0], [1]], np.uint8),  # in one direction, as some archives have them
        node_ptr=np.array([0, 2, 3]),
        edge_ptr=np.array([0, 1, 1]),
        y=np.array([1, 0], np.uint8),
    )
    one, two = load_exp("EXP", tmp_path)
    assert one.x.tolist() == [[1, 0], [0, 1]]
    assert one.edge_index.tolist() == [[0, 1], [1, 0]]
    assert (int(one.y), int(two.y), two.num_edges) == (1, 0, 0)
    monkeypatch.setitem(expressivity._EXP, "EXP", 3)
    with pytest.raises(DatasetError, match="2 graphs instead of 3"):
        load_exp("EXP", tmp_path)


def test_absent_and_unknown(tmp_path, monkeypatch):
    def refuse(url, seconds):
        raise ConnectionError("no route")

    monkeypatch.setattr(expressivity, "check_reachable", refuse)
    for load, name in ((load_sr, "sr16622"), (load_exp, "EXP")):
        with pytest.raises(DatasetError, match=f"{name}.* is absent"):
            load(name, tmp_path)
        with pytest.raises(ValueError, match=name):
            load(name + "x", tmp_path)
    with pytest.raises(DatasetError, match=r"CSL.*no route"):
        load_csl(tmp_path)


def same_colours(one, other):
    """Whether colour refinement leaves two graphs together."""
    colours = [data.x.argmax(1).tolist() for data in (one, other)]
    graphs = [data.edge_index.T.tolist() for data in (one, other)]
    for _ in range(max(map(len, colours))):
        nearby = [[[] for _ in some] for some in colours]
        for some, near, pairs in zip(colours, nearby, graphs, strict=True):
            for u, v in pairs:
                near[v].append(some[u])
        signs = [
            [(c, *sorted(around)) for c, around in zip(some, near, strict=True)]
            for some, near in zip(colours, nearby, strict=True)
        ]
        names = {sign: i for i, sign in enumerate(sorted(set(signs[0] + signs[1])))}
        colours = [[names[sign] for sign in some] for some in signs]
        if sorted(colours[0]) != sorted(colours[1]):
            return False
    return True


@pytest.mark.data
@pytest.mark.parametrize(("name", "equal"), [("EXP", 60), ("CEXP", None)])
def test_real_pairs(name, equal, data_root):
    if not (data_root / "expressivity" / f"{name}.npz").is_file():
        pytest.skip(f"{name} is not there")
    graphs = load_exp(name, data_root)
    assert len(graphs) == 1200
    assert {graph.num_node_features for graph in graphs} == {2}
    assert all(graph.is_undirected() for graph in graphs)
    assert sum(int(graph.y) for graph in graphs) == 600
    assert all(int(a.y) != int(b.y) for a, b in zip(graphs[::2], graphs[1::2], strict=True))
    if equal is not None:
        pairs = list(zip(graphs[::2], graphs[1::2], strict=True))[::10]
        assert sum(same_colours(*pair) for pair in pairs) == equal


@pytest.mark.data
@pytest.mark.parametrize("name", ["sr16622", "sr251256", "sr261034"])
def test_real_families_are_strongly_regular(name, data_root):
    if not (data_root / "sr" / "raw" / f"{name}.g6").is_file():
        pytest.skip(f"{name} is not there")
    graphs = load_sr(name, data_root)
    assert len(graphs) == SR_FAMILIES[name]
    for data in graphs:
        n = data.num_nodes
        adjacency = torch.zeros(n, n).index_put(tuple(data.edge_index), torch.ones(()))
        common = adjacency @ adjacency
        for value in (0, 1):
            place = (adjacency == value) & ~torch.eye(n, dtype=torch.bool)
            assert common[place].unique().numel() == 1


@pytest.mark.data
def test_real_csl(data_root):
    if not (data_root / "csl").is_dir():
        pytest.skip("CSL is not there")
    graphs = load_csl(data_root)
    assert torch.cat([graph.y for graph in graphs]).bincount().tolist() == [15] * 10
    assert {tuple(graph.x.shape) for graph in graphs} == {(41, 1)}
