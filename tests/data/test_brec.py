from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.data import BREC, BREC_CATEGORIES, DatasetError, load_brec, load_graph_data
from graphpoly.data.brec import _FILES


def edges(data) -> set[tuple[int, int]]:
    return set(map(tuple, data.edge_index.T.tolist()))


@pytest.mark.parametrize("size", [0, 1, 2, 7, 62, 63, 100])
def test_graph6_is_read_as_networkx_reads_it(size) -> None:
    graph = nx.gnp_random_graph(size, 0.3, seed=size)
    line = nx.to_graph6_bytes(graph, header=False).strip()
    data = BREC([(line, line)]).graph(0, 1)
    assert data.num_nodes == size
    assert edges(data) == set(graph.edges) | {(v, u) for u, v in graph.edges}
    assert data.num_edges == 2 * graph.number_of_edges()


def test_categories_cover_the_pairs() -> None:
    assert [i for members in BREC_CATEGORIES.values() for i in members] == list(range(400))
    sizes = [len(members) for members in BREC_CATEGORIES.values()]
    assert sizes == [60, 50, 50, 100, 100, 20, 20]
    for name, members in BREC_CATEGORIES.items():
        assert BREC.members(name.upper()) == members
        assert {BREC.category(i) for i in members} == {name}
    with pytest.raises(ValueError, match="did you mean 'CFI'"):
        BREC.members("CF")
    with pytest.raises(IndexError, match="0 to 399"):
        BREC.category(400)


def write(root, changes=()) -> None:
    folder = root / "brec" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, members in zip(_FILES, BREC_CATEGORIES.values(), strict=True):
        np.save(folder / f"{name}.npy", np.array([["Bw", "BW"]] * len(members)))
    for name, held in dict(changes).items():
        np.save(folder / f"{name}.npy", held)


def test_reads_all_shapes(tmp_path) -> None:
    write(tmp_path, {"basic": np.array([b"Bw", b"BW"] * 60)})
    pairs = load_brec(tmp_path)
    assert len(pairs) == 400
    assert [graph.num_edges for graph in pairs[59]] == [6, 4]
    assert len(pairs[-2:]) == 2
    assert [graph.num_edges for graph in pairs.graphs([3, 360])] == [6, 4, 6, 4]
    assert len(load_graph_data("brec", tmp_path)) == 800


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (np.array(["Bw"] * 38), "19 pairs of DistanceRegular instead of 20"),
        (np.array(["Bww", "BW"] * 20), "3 nodes with 2 bytes"),
        (np.array(["B\x1f", "BW"] * 20), "not graph6"),
        (np.array(["", "BW"] * 20), "not graph6"),
        (np.arange(40), "expected graph6, got int"),
        (np.array([None] * 40), "dr.npy is cut short or altered"),
    ],
)
def test_altered_files_are_named(tmp_path, held, what) -> None:
    write(tmp_path, {"dr": held})
    with pytest.raises(DatasetError, match=what):
        load_brec(tmp_path)


def test_absent_and_cut_files_are_named(tmp_path) -> None:
    with pytest.raises(DatasetError, match=r"basic.npy, regular.npy.* absent .*GraphPKU/BREC"):
        load_brec(tmp_path)
    write(tmp_path)
    path = tmp_path / "brec" / "raw" / "cfi.npy"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DatasetError, match=r"cfi.npy is cut short"):
        load_brec(tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match=r"'BREC': cfi.npy absent"):
        load_brec(tmp_path)


@pytest.mark.data
def test_real_pairs(data_root) -> None:
    if not (data_root / "brec").is_dir():
        pytest.skip("BREC is not there")
    pairs = load_brec(data_root)
    sizes = torch.tensor([[graph.num_nodes for graph in pair] for pair in pairs])
    assert torch.equal(sizes[:, 0], sizes[:, 1])
    spans = {
        name: (int(sizes[list(r)].min()), int(sizes[list(r)].max()))
        for name, r in BREC_CATEGORIES.items()
    }
    assert spans["Basic"] == (10, 10)
    assert spans["CFI"] == (18, 198)
    assert spans["FourVertexCondition"] == (63, 63)
    for index in (*range(60, 160), *range(360, 400)):
        for graph in pairs[index]:
            degree = torch.bincount(graph.edge_index[0], minlength=graph.num_nodes)
            assert degree.min() == degree.max()
