from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from graphpoly.data import (
    DatasetError,
    expressivity,
    graph_dataset_names,
    load_graph_data,
    tu,
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*_):
        raise ConnectionError("no network in this test")

    for module in (expressivity, tu):
        monkeypatch.setattr(module, "check_reachable", refuse)


def write_exp(folder, **changes) -> None:
    arrays = {
        "x": np.array([0, 1, 1, 0, 1], dtype=np.uint8),
        "edges": np.array([[0, 1, 1, 2, 0, 1], [1, 0, 2, 1, 1, 0]], dtype=np.uint8),
        "node_ptr": np.array([0, 3, 5], dtype=np.int32),
        "edge_ptr": np.array([0, 4, 6], dtype=np.int32),
        "y": np.array([1, 0], dtype=np.uint8),
    }
    (folder / "expressivity").mkdir(exist_ok=True)
    np.savez(folder / "expressivity" / "EXP.npz", **{**arrays, **changes})


def test_exp_is_read_graph_by_graph(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(expressivity._EXP, "EXP", 2)
    write_exp(tmp_path)
    one, other = load_graph_data("exp", tmp_path)
    assert one.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert other.edge_index.tolist() == [[0, 1], [1, 0]]
    assert (one.x.tolist(), other.x.tolist()) == ([[1, 0], [0, 1], [0, 1]], [[1, 0], [0, 1]])
    assert (int(one.y), int(other.y)) == (1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"y": np.array([1], dtype=np.uint8)},
        {"node_ptr": np.array([0, 2, 5], dtype=np.int32)},
        {"edge_ptr": np.array([0, 4, 7], dtype=np.int32)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes) -> None:
    write_exp(tmp_path, **changes)
    with pytest.raises(DatasetError, match=r"EXP.npz is cut short or altered"):
        load_graph_data("EXP", tmp_path)


def test_a_cut_file_is_refused(tmp_path) -> None:
    write_exp(tmp_path)
    path = tmp_path / "expressivity" / "EXP.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match="cut short or altered"):
        load_graph_data("EXP", tmp_path)


def test_strongly_regular_families_are_read_line_by_line(tmp_path) -> None:
    raw = tmp_path / "sr" / "raw"
    raw.mkdir(parents=True)
    graphs = [nx.cycle_graph(5), nx.petersen_graph()]
    text = b"".join(nx.to_graph6_bytes(graph, header=False) for graph in graphs)
    (raw / "sr16622.g6").write_bytes(text)
    sizes = [(data.num_nodes, data.num_edges) for data in load_graph_data("SR16622", tmp_path)]
    assert sizes == [(5, 10), (10, 30)]


@pytest.mark.parametrize("name", ["EXP", "sr251256", "MUTAG", "CSL"])
def test_absent_files_are_one_line_and_leave_nothing(tmp_path, name) -> None:
    with pytest.raises(DatasetError, match=rf"dataset '{name}'.* set GRAPHPOLY_DATA"):
        load_graph_data(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'MUTAG'"):
        load_graph_data("mutga")
    assert len(set(graph_dataset_names())) == len(graph_dataset_names())


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("MUTAG", 188, (17, 38)),
        ("CSL", 150, (41, 164)),
        ("EXP", 1200, (52, 120)),
        ("CEXP", 1200, (67, 162)),
        ("sr16622", 2, (16, 96)),
        ("sr251256", 15, (25, 300)),
    ],
)
def test_real_datasets_have_their_counts(data_root, name, count, first) -> None:
    graphs = load_graph_data(name, data_root)
    assert len(graphs) == count
    assert (graphs[0].num_nodes, graphs[0].num_edges) == first
