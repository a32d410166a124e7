from __future__ import annotations

import errno
import functools
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphpoly.data import (
    DatasetError,
    Reading,
    as_undirected,
    datasets,
    find_dataset,
    load_node_data,
    node_dataset_names,
)
from graphpoly.data.filtered_wikipedia import FilteredWikipedia

needs_data = pytest.mark.skipif(
    "GRAPHPOLY_DATA" not in os.environ, reason="GRAPHPOLY_DATA is not set"
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*_):
        raise ConnectionError("no network in this test")

    monkeypatch.setattr(datasets, "check_reachable", refuse)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def minesweeper(tmp_path) -> Path:
    """A dataset of the right counts in the right place, made of nothing."""
    rng = np.random.RandomState(0)
    nodes, pairs = 10000, 39402
    keys = np.array([], dtype=np.int64)
    while keys.size < pairs:
        drawn = rng.randint(0, nodes, (pairs - keys.size, 2))
        drawn = np.sort(drawn[drawn[:, 0] != drawn[:, 1]], axis=1)
        keys = np.unique(np.concatenate([keys, drawn[:, 0] * nodes + drawn[:, 1]]))
    raw = tmp_path / "heterophilous" / "minesweeper" / "raw"
    raw.mkdir(parents=True)
    np.savez(
        raw / "minesweeper.npz",
        node_features=rng.rand(nodes, 7).astype(np.float32),
        node_labels=np.arange(nodes) % 2,
        edges=np.stack([keys // nodes, keys % nodes], axis=1),
        **{f"{part}_masks": rng.rand(10, nodes) < 0.5 for part in ("train", "val", "test")},
    )
    return raw / "minesweeper.npz"


def test_names() -> None:
    assert len(node_dataset_names()) == 34
    assert all(name == name.lower() for name in node_dataset_names())
    with pytest.raises(ValueError, match="did you mean 'citeseer'"):
        load_node_data("citseer")
    with pytest.raises(ValueError, match="masks must be None"):
        load_node_data("photo", masks="geom-gcn")


@pytest.mark.parametrize("name", node_dataset_names())
def test_absent_dataset_is_one_clear_error_and_leaves_nothing(tmp_path, name: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_node_data(name, tmp_path)
    message = str(caught.value)
    assert repr(name) in message
    assert str(tmp_path) in message
    assert "no network in this test" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_loading_twice_gives_the_same(tmp_path, minesweeper: Path) -> None:
    first = load_node_data("Minesweeper", tmp_path)
    raw = np.load(minesweeper)
    assert torch.equal(first.x, torch.from_numpy(raw["node_features"]))
    assert torch.equal(first.train_mask, torch.from_numpy(raw["train_masks"]).t())
    assert first.is_undirected()
    written = files_below(tmp_path)
    assert not any(name.endswith(".part") for name in written)
    second = load_node_data("minesweeper", tmp_path)
    assert torch.equal(first.edge_index, second.edge_index)
    assert files_below(tmp_path) == written


def test_lastfm_is_read_and_divided(tmp_path) -> None:
    rng = np.random.RandomState(0)
    raw = tmp_path / "lastfm_asia" / "raw"
    raw.mkdir(parents=True)
    held = {
        "features": rng.rand(7624, 128).astype(np.float32),
        "target": np.arange(7624) % 18,
        "edges": rng.randint(0, 7624, (55612, 2)),
    }
    np.savez(raw / "lastfm_asia.npz", **held)
    entry = find_dataset("lastfm-asia")
    loaded = entry.load(tmp_path, Reading(directed=True), 0)
    assert torch.equal(loaded.data.y, torch.from_numpy(held["target"]))
    assert torch.equal(loaded.data.x, torch.from_numpy(held["features"]))
    assert loaded.num_outputs == 18
    split = loaded.split(entry.splits[0], 0)
    assert sum(split.sizes) == 7624


def test_default_root_is_used(tmp_path, minesweeper: Path, monkeypatch) -> None:
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path))
    assert load_node_data("minesweeper").num_nodes == 10000


def test_filtered_graphs_are_read_in_the_same_form(tmp_path, monkeypatch) -> None:
    rng = np.random.RandomState(0)
    edges = np.array([[0, 1], [1, 2], [3, 0]])
    source = datasets._filtered("chameleon_filtered", 4, 6, 2, 2)
    monkeypatch.setitem(datasets._SOURCES, "chameleon-filtered", source)
    folder = tmp_path / "heterophilous_extra"
    folder.mkdir()
    np.savez(
        folder / "chameleon_filtered.npz",
        node_features=rng.rand(4, 2).astype(np.float32),
        node_labels=np.arange(4) % 2,
        edges=edges,
        **{f"{part}_masks": rng.rand(10, 4) < 0.5 for part in ("train", "val", "test")},
    )
    data = load_node_data("chameleon-filtered", tmp_path)
    assert data.edge_index.tolist() == [[0, 0, 1, 1, 2, 3], [1, 3, 0, 2, 1, 0]]
    assert data.train_mask.shape == (4, 10)
    with pytest.raises(ValueError, match="name: got 'texas'"):
        FilteredWikipedia(str(tmp_path), "texas")


def test_cut_raw_file_is_named_and_kept(tmp_path, minesweeper: Path) -> None:
    whole = minesweeper.read_bytes()
    minesweeper.write_bytes(whole[: len(whole) // 3])
    before = files_below(tmp_path)
    with pytest.raises(DatasetError, match=r"raw/minesweeper\.npz \(the archive is cut short"):
        load_node_data("minesweeper", tmp_path)
    assert files_below(tmp_path) == before
    minesweeper.write_bytes(whole)
    assert load_node_data("minesweeper", tmp_path).num_edges == 78804


def test_readable_but_altered_raw_file_is_refused_before_it_is_processed(
    tmp_path, minesweeper: Path
) -> None:
    raw = dict(np.load(minesweeper))
    np.savez(minesweeper, **{**raw, "edges": raw["edges"][:-1]})
    with pytest.raises(DatasetError, match="78802 edges instead of 78804"):
        load_node_data("minesweeper", tmp_path)
    assert list(files_below(tmp_path)) == ["heterophilous/minesweeper/raw/minesweeper.npz"]


@pytest.mark.parametrize("name", ["data", "pre_filter", "pre_transform"])
@pytest.mark.parametrize("share", [0, 2])
def test_damaged_processed_file_is_named_and_kept(
    tmp_path, minesweeper: Path, name: str, share: int
) -> None:
    load_node_data("minesweeper", tmp_path)
    processed = tmp_path / "heterophilous" / "minesweeper" / "processed" / f"{name}.pt"
    whole = processed.read_bytes()
    processed.write_bytes(whole[: share and len(whole) // share])
    before = files_below(tmp_path)
    with pytest.raises(DatasetError, match=rf"processed/{name}\.pt is cut short .* delete it"):
        load_node_data("minesweeper", tmp_path)
    assert files_below(tmp_path) == before
    processed.unlink()
    assert load_node_data("minesweeper", tmp_path).num_nodes == 10000


def test_unusable_folder_is_named(tmp_path, minesweeper: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatasetError, match="pass a root that can be written to"):
        load_node_data("cora", tmp_path / "file")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.os, "replace", full)
    with pytest.raises(DatasetError, match="No space left"):
        load_node_data("minesweeper", tmp_path)
    assert not list(tmp_path.rglob("*.p*t"))


def test_download_arrives_whole_or_not_at_all(tmp_path, minesweeper: Path, monkeypatch) -> None:
    base = datasets._guarded("minesweeper").__mro__[2]
    content = minesweeper.read_bytes()
    minesweeper.unlink()
    monkeypatch.setattr(datasets, "check_reachable", lambda *_: None)

    def download(self, size: int) -> None:
        Path(self.raw_dir, "minesweeper.npz").write_bytes(content[:size])
        if size < len(content):
            raise OSError("connection lost")

    monkeypatch.setattr(base, "download", functools.partialmethod(download, 100))
    with pytest.raises(DatasetError, match="connection lost"):
        load_node_data("minesweeper", tmp_path)
    assert files_below(tmp_path) == {}
    monkeypatch.setattr(base, "download", functools.partialmethod(download, len(content)))
    assert load_node_data("minesweeper", tmp_path).num_nodes == 10000
    assert minesweeper.read_bytes() == content


def test_download_adds_what_is_absent_and_overwrites_nothing(tmp_path, monkeypatch) -> None:
    raw = tmp_path / "planetoid" / "Cora" / "raw"
    raw.mkdir(parents=True)
    (raw / "ind.cora.x").write_bytes(b"mine")
    base = datasets._guarded("cora").__mro__[2]
    monkeypatch.setattr(datasets, "check_reachable", lambda *_: None)

    def download(self) -> None:
        for name in self.raw_file_names:
            whole = pickle.dumps(scipy.sparse.csr_matrix(np.eye(2)))
            Path(self.raw_dir, name).write_bytes(b"0\n" if name.endswith("index") else whole)

    monkeypatch.setattr(base, "download", download)
    with pytest.raises(DatasetError, match=r"ind\.cora\.x \(the pickle is cut short\)"):
        load_node_data("cora", tmp_path)
    assert (raw / "ind.cora.x").read_bytes() == b"mine"
    assert len(list(raw.iterdir())) == 8


def test_pairs_that_are_no_edges_stay_as_they_are() -> None:
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 1, 2, 0]])
    others = {"edge_label_index": edge_index.flip(1), "edge_label": torch.tensor([1, 0, 1, 1])}
    others["negative_index"] = torch.tensor([[0, 2, 1, 1], [2, 2, 0, 0]])
    for self_loops in (False, True):
        data = Data(edge_index=edge_index, num_nodes=3, **others)
        result = as_undirected(data, self_loops=self_loops)
        assert result.num_edges == 6 + self_loops
        for name, value in others.items():
            assert torch.equal(result[name], value)


def test_as_undirected() -> None:
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 2]])
    data = Data(edge_index=edge_index, edge_attr=torch.tensor([1.0, 2.0, 3.0, 4.0]), num_nodes=3)
    result = as_undirected(data)
    assert result.edge_index.tolist() == [[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]]
    assert result.edge_attr.tolist() == [1.5, 1.5, 3.0, 3.0, 4.0]
    assert torch.equal(data.edge_index, edge_index)
    again = as_undirected(result)
    assert torch.equal(again.edge_index, result.edge_index)
    assert torch.equal(again.edge_attr, result.edge_attr)
    bare = as_undirected(Data(edge_index=edge_index, num_nodes=3), self_loops=False)
    assert bare.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]


@pytest.mark.parametrize("loops", [False, True])
def test_what_belongs_to_edges_goes_along_when_they_go_both_ways(loops: bool) -> None:
    torch.manual_seed(0)
    edge_index = torch.randint(9, (2, 40))
    low, high = edge_index.amin(0), edge_index.amax(0)
    data = Data(
        x=torch.rand(9, 2),
        edge_index=edge_index,
        edge_weight=torch.rand(40),
        edge_attr=torch.rand(40, 3, dtype=torch.float64),
        edge_type=low + 9 * high,  # alike in both directions
        edge_flag=low > 4,
        edge_time=torch.arange(40),
    )
    result = as_undirected(data, self_loops=loops)
    pairs: dict[tuple[int, int], list[int]] = {}
    for place, (i, j) in enumerate(edge_index.T.tolist()):
        if i != j or loops:
            pairs.setdefault((i, j), []).append(place)
            pairs.setdefault((j, i), []).append(place)
    assert list(map(tuple, result.edge_index.T.tolist())) == sorted(pairs)
    for place, pair in enumerate(sorted(pairs)):
        chosen = torch.tensor(pairs[pair])
        for name in ("edge_weight", "edge_attr"):
            assert torch.allclose(result[name][place], data[name][chosen].mean(0))
        assert int(result.edge_type[place]) == min(pair) + 9 * max(pair)
        assert bool(result.edge_flag[place]) == (min(pair) > 4)
    assert result.edge_flag.dtype == torch.bool
    assert "edge_time" not in result
    assert torch.equal(result.x, data.x)
    data.edge_type = data.edge_time
    with pytest.raises(ValueError, match="edge_type: edges that are made one"):
        as_undirected(data)


@pytest.mark.parametrize("seed", range(20))
def test_edges_go_both_ways_as_in_pyg(seed: int) -> None:
    torch.manual_seed(seed)
    nodes, edges = int(torch.randint(1, 9, ())), int(torch.randint(30, ())) * (seed > 0)
    edge_index, value = torch.randint(nodes, (2, edges)), torch.rand(edges, 2, 3).double()
    result = as_undirected(Data(edge_index=edge_index, edge_attr=value, num_nodes=nodes))
    wanted, means = to_undirected(edge_index, [value], num_nodes=nodes, reduce="mean")
    assert torch.equal(result.edge_index, wanted)
    torch.testing.assert_close(result.edge_attr, means[0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_edges_that_are_alike_keep_their_weight(dtype: torch.dtype) -> None:
    edge_index = torch.tensor([[0] * 500 + [1] * 500, [1] * 500 + [0] * 500])
    for weight in (2.0, 48_000.0):
        data = Data(edge_index=edge_index, edge_weight=torch.full((1000,), weight, dtype=dtype))
        result = as_undirected(data)
        assert result.edge_weight.tolist() == [data.edge_weight[0]] * 2
        assert result.edge_weight.dtype == dtype


def test_means_of_complex_numbers() -> None:
    weight = torch.tensor([1 + 2j, 3 - 4j])
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=weight)
    assert as_undirected(data).edge_weight.tolist() == [2 - 1j] * 2


@pytest.mark.parametrize("node", [-1, 3, 5])
def test_edges_that_leave_the_graph_go_no_way(node: int) -> None:
    data = Data(edge_index=torch.tensor([[0, 2], [1, node]]), num_nodes=3)
    with pytest.raises(ValueError, match=r"edge_index: got .* expected nodes in \[0, 3\)"):
        as_undirected(data)
    with pytest.raises(ValueError, match="edge_index: there is none"):
        as_undirected(Data(x=torch.ones(3, 1)))


def test_edges_of_int32_go_both_ways_in_a_large_graph() -> None:
    edge_index = torch.tensor([[99_999, 7, 50_000], [7, 99_998, 50_001]], dtype=torch.int32)
    result = as_undirected(Data(edge_index=edge_index, num_nodes=100_000))
    assert result.edge_index.dtype == torch.int32
    pairs = {(99_999, 7), (7, 99_999), (7, 99_998), (99_998, 7), (50_000, 50_001), (50_001, 50_000)}
    assert list(map(tuple, result.edge_index.T.tolist())) == sorted(pairs)


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("name", ["cora", "texas", "actor", "minesweeper", "photo"])
def test_real_graph_of_every_family(name: str) -> None:
    data = load_node_data(name)
    assert data.y.numel() == data.num_nodes
    assert load_node_data(name, undirected=True).is_undirected()
    source, target = data.edge_index
    homophily = float((data.y[source] == data.y[target]).float().mean())
    published = {"cora": 0.810, "texas": 0.061, "actor": 0.216, "minesweeper": 0.683}
    assert homophily == pytest.approx({**published, "photo": 0.827}[name], abs=0.06)
