from __future__ import annotations

import pytest
import torch

from graphpoly.data import DatasetError, load_tu, tu


def write_raw(root, name="MUTAG", *, labels=True):
    """Two triangles and a path in TUDataset's text format."""
    raw = root / "tu" / name / "raw"
    raw.mkdir(parents=True)
    edges = [(1, 2), (2, 3), (3, 1), (4, 5), (5, 6), (6, 4), (7, 8)]
    both = edges + [(j, i) for i, j in edges]
    (raw / f"{name}_A.txt").write_text("".join(f"{i}, {j}\n" for i, j in both))
    (raw / f"{name}_graph_indicator.txt").write_text("1\n1\n1\n2\n2\n2\n3\n3\n")
    (raw / f"{name}_graph_labels.txt").write_text("1\n-1\n1\n")
    if labels:
        (raw / f"{name}_node_labels.txt").write_text("0\n1\n0\n1\n1\n1\n0\n0\n")
    return raw


def test_reads_labels(tmp_path, monkeypatch):
    write_raw(tmp_path)
    monkeypatch.setitem(tu._SOURCES, "MUTAG", tu._Source(3, 8, 14, 2))
    graphs = load_tu("mutag", tmp_path)
    assert [g.num_nodes for g in graphs] == [3, 3, 2]
    assert graphs[0].x.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert [int(g.y) for g in graphs] == [1, 0, 1]


def test_degrees_where_nodes_carry_nothing(tmp_path, monkeypatch):
    write_raw(tmp_path, "IMDB-BINARY", labels=False)
    monkeypatch.setitem(tu._SOURCES, "IMDB-BINARY", tu._Source(3, 8, 14, 2, "degrees"))
    graphs = load_tu("IMDB-BINARY", tmp_path)
    assert graphs[0].x.tolist() == [[0, 1]] * 3
    assert graphs[2].x.tolist() == [[1, 0]] * 2


def test_another_dataset_under_the_name_is_refused(tmp_path):
    write_raw(tmp_path)
    with pytest.raises(DatasetError, match="3 graphs instead of 188, 8 nodes instead of 3371"):
        load_tu("MUTAG", tmp_path)


def test_cut_files_are_refused(tmp_path):
    raw = write_raw(tmp_path)
    (raw / "MUTAG_A.txt").write_text("1, 2\n2\n")
    with pytest.raises(DatasetError, match="'MUTAG': cannot use the files"):
        load_tu("MUTAG", tmp_path)


@pytest.mark.parametrize("name", ["data", "pre_filter", "pre_transform"])
@pytest.mark.parametrize("share", [0, 2])
def test_cut_processed_files_are_named(name, share, tmp_path, monkeypatch):
    raw = write_raw(tmp_path)
    monkeypatch.setitem(tu._SOURCES, "MUTAG", tu._Source(3, 8, 14, 2))
    load_tu("MUTAG", tmp_path)
    processed = raw.parent / "processed" / f"{name}.pt"
    whole = processed.read_bytes()
    processed.write_bytes(whole[: share and len(whole) // share])
    with pytest.raises(DatasetError, match=rf"processed/{name}\.pt is cut short .* delete it"):
        load_tu("MUTAG", tmp_path)
    processed.unlink()
    assert len(load_tu("MUTAG", tmp_path)) == 3


def test_unreachable_and_unknown(monkeypatch, tmp_path):
    def refuse(url, seconds):
        raise ConnectionError("no route")

    monkeypatch.setattr(tu, "check_reachable", refuse)
    with pytest.raises(DatasetError, match=r"MUTAG_A.txt is absent .*no route"):
        load_tu("MUTAG", tmp_path)
    with pytest.raises(ValueError, match="ENZYMES"):
        load_tu("ENZYME", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "features"), [("MUTAG", 7), ("ENZYMES", 21), ("PROTEINS", 3), ("IMDB-BINARY", 65)]
)
def test_the_real_files(name, features, data_root):
    if not (data_root / "tu" / name).is_dir():
        pytest.skip(f"{name} is not there")
    graphs = load_tu(name, data_root)
    assert len(graphs) == tu._SOURCES[name].graphs
    assert {graph.num_node_features for graph in graphs} == {features}
    if features != 21:  # one-hot
        assert all(torch.equal(g.x.sum(1), torch.ones(g.num_nodes)) for g in graphs)
