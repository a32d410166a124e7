from __future__ import annotations

import errno
import gzip
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from graphpoly.data import (
    DatasetError,
    load_ogb_graph,
    load_ogb_link,
    load_ogb_node,
    ogb,
    ogb_evaluator,
)
from tests.children import run_warm

needs_data = pytest.mark.skipif(
    "GRAPHPOLY_DATA" not in os.environ, reason="GRAPHPOLY_DATA is not set"
)

NODES, EDGES = (3, 2, 4), (2, 1, 3)


def write_csv(path: Path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as stream:
        stream.writelines(",".join(str(value) for value in row) + "\n" for row in rows)


def write_molecules(folder: Path) -> None:
    """Three paths, in the format and with the names of OGB's own archives."""
    raw = folder / "raw"
    write_csv(raw / "num-node-list.csv.gz", [[n] for n in NODES])
    write_csv(raw / "num-edge-list.csv.gz", [[e] for e in EDGES])
    write_csv(raw / "edge.csv.gz", [[k, k + 1] for e in EDGES for k in range(e)])
    write_csv(raw / "edge-feat.csv.gz", [[k, 0, 1] for e in EDGES for k in range(e)])
    write_csv(raw / "node-feat.csv.gz", [[k] * 9 for n in NODES for k in range(n)])
    write_csv(raw / "graph-label.csv.gz", [[1], [0], [1]])
    for part, index in (("train", 0), ("valid", 2), ("test", 1)):
        write_csv(folder / "split" / "scaffold" / f"{part}.csv.gz", [[index]])
    (folder / "RELEASE_v1.txt").touch()


def own_meta(folder: Path, **changes: str) -> dict[str, str]:
    meta = {
        "dir_path": str(folder),
        "version": "1",
        "download_name": "own",
        "url": "http://example.invalid/own.zip",
        "num tasks": "1",
        "eval metric": "rocauc",
        "task type": "binary classification",
        "num classes": "2",
        "split": "scaffold",
        "add_inverse_edge": "True",
        "has_node_attr": "True",
        "has_edge_attr": "True",
        "additional node files": "None",
        "additional edge files": "None",
        "is hetero": "False",
        "binary": "False",
    }
    return {**meta, **changes}


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*_):
        raise ConnectionError("no network in this test")

    monkeypatch.setattr(ogb, "check_reachable", refuse)


@pytest.fixture(autouse=True)
def nothing_stays_patched():
    load, before = torch.load, set(torch.serialization.get_safe_globals())
    yield
    assert torch.load is load
    assert set(torch.serialization.get_safe_globals()) == before
    for name in ("ogb.graphproppred.dataset_pyg", "ogb.nodeproppred.dataset_pyg"):
        module = sys.modules.get(name)
        assert module is None or (module.torch is torch and not hasattr(module, "input"))
    assert sys.modules.get("outdated", torch) is not None


def check_molecules(dataset, split) -> None:
    assert len(dataset) == 3
    assert {part: index.tolist() for part, index in split.items()} == {
        "train": [0],
        "valid": [2],
        "test": [1],
    }
    assert dataset[1].edge_index.tolist() == [[0, 1], [1, 0]]
    assert dataset[2].edge_attr[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset[2].x.tolist() == [[k] * 9 for k in range(4)]
    assert [int(graph.y) for graph in dataset] == [1, 0, 1]


@pytest.mark.parametrize("place", ["ogb/ogbg_molbace", "ogbg_molbace", "ogb/ogbg_molbace_pyg"])
def test_first_and_second_load(tmp_path, place: str, capsys) -> None:
    write_molecules(tmp_path / place)
    for _ in range(2):
        check_molecules(*load_ogb_graph("ogbg-molbace", tmp_path))
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.rglob("*.part"))


def test_own_dataset_by_description(tmp_path) -> None:
    write_molecules(tmp_path)
    for _ in range(2):
        dataset, split = load_ogb_graph("ogbg-own", meta_dict=own_meta(tmp_path))
        check_molecules(dataset, split)


def test_own_node_dataset(tmp_path) -> None:
    raw = tmp_path / "raw"
    write_csv(raw / "num-node-list.csv.gz", [[4]])
    write_csv(raw / "num-edge-list.csv.gz", [[3]])
    write_csv(raw / "edge.csv.gz", [[0, 1], [1, 2], [2, 3]])
    write_csv(raw / "node-feat.csv.gz", [[0.5, k] for k in range(4)])
    write_csv(raw / "node-label.csv.gz", [[0], [1], [1], [0]])
    for part, rows in (("train", [[0], [1]]), ("valid", [[2]]), ("test", [[3]])):
        write_csv(tmp_path / "split" / "time" / f"{part}.csv.gz", rows)
    (tmp_path / "RELEASE_v1.txt").touch()
    meta = own_meta(tmp_path, split="time", has_edge_attr="False")
    for _ in range(2):
        dataset, split = load_ogb_node("ogbn-own", meta_dict=meta)
        assert dataset[0].y.view(-1).tolist() == [0, 1, 1, 0]
        assert dataset[0].x.tolist() == [[0.5, k] for k in range(4)]
        assert dataset[0].num_edges == 6
        assert split["train"].tolist() == [0, 1]


@pytest.mark.parametrize("protocol", [2, 4])
def test_links_whose_split_holds_arrays(tmp_path, protocol: int) -> None:
    folder = tmp_path / "ogb" / "ogbl_ddi"
    write_csv(folder / "raw" / "num-node-list.csv.gz", [[5]])
    write_csv(folder / "raw" / "num-edge-list.csv.gz", [[3]])
    write_csv(folder / "raw" / "edge.csv.gz", [[0, 1], [1, 2], [2, 3]])
    (folder / "RELEASE_v1.txt").touch()
    place = folder / "split" / "target"
    place.mkdir(parents=True)
    parts = {
        "train": {"edge": np.array([[0, 1], [1, 2], [2, 3]])},
        "valid": {"edge": np.array([[0, 2]]), "edge_neg": np.array([[0, 3], [0, 4]])},
        "test": {"edge": np.array([[1, 3]]), "edge_neg": np.array([[1, 4]])},
    }
    for part, held in parts.items():  # as OGB's own archives have them
        path = place / f"{part}.pt"
        torch.save(held, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    for _ in range(2):
        dataset, split = load_ogb_link("ogbl-ddi", tmp_path)
        assert dataset[0].num_edges == 6
        for part, held in parts.items():
            assert {key: rows.tolist() for key, rows in split[part].items()} == {
                key: rows.tolist() for key, rows in held.items()
            }
    before = (place / "train.pt").read_bytes()
    (place / "train.pt").write_bytes(before[:-30])
    with pytest.raises(DatasetError, match=r"target/train\.pt: .*put a whole copy there"):
        load_ogb_link("ogbl-ddi", tmp_path)
    assert (place / "train.pt").read_bytes() == before[:-30]


def test_own_dataset_in_binary_format(tmp_path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    # this format stores both directions of an edge, one after the other
    pairs = [(k, k + 1) for e in EDGES for k in range(e)]
    np.savez(
        raw / "data.npz",
        num_nodes_list=np.array(NODES),
        num_edges_list=2 * np.array(EDGES),
        edge_index=np.array([edge for i, j in pairs for edge in ((i, j), (j, i))]).T,
        node_feat=np.array([[k] * 9 for n in NODES for k in range(n)]),
        edge_feat=np.array([[i, 0, 1] for i, _ in pairs for _ in range(2)]),
    )
    np.savez(raw / "graph-label.npz", graph_label=np.array([[1], [0], [1]]))
    path = tmp_path / "split" / "scaffold"
    path.mkdir(parents=True)
    # as ogb's DatasetSaver writes it: NumPy arrays, which weights_only refuses
    split = {"train": np.array([0]), "valid": np.array([2]), "test": np.array([1])}
    torch.save(split, path / "split_dict.pt")
    (tmp_path / "RELEASE_v1.txt").touch()
    meta = own_meta(tmp_path, binary="True", add_inverse_edge="False")
    for _ in range(2):
        check_molecules(*load_ogb_graph("ogbg-own", meta_dict=meta))


def test_absent_dataset_is_one_clear_error_and_leaves_nothing(tmp_path) -> None:
    for load, name in ((load_ogb_graph, "ogbg-molmuv"), (load_ogb_node, "ogbn-arxiv")):
        with pytest.raises(DatasetError, match="no network in this test") as caught:
            load(name, tmp_path)
        assert repr(name) in str(caught.value)
        assert str(tmp_path / "ogb" / name.replace("-", "_")) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gone", ["RELEASE_v1.txt", "raw/edge.csv.gz", "raw/node-feat.csv.gz"])
def test_incomplete_folder_is_refused_and_kept(tmp_path, gone: str) -> None:
    folder = tmp_path / "ogb" / "ogbg_molbace"
    write_molecules(folder)
    (folder / gone).unlink()
    before = files_below(tmp_path)
    with pytest.raises(DatasetError, match=Path(gone).name):
        load_ogb_graph("ogbg-molbace", tmp_path)
    assert files_below(tmp_path) == before


def test_cut_files_are_named_and_kept(tmp_path) -> None:
    folder = tmp_path / "ogb" / "ogbg_molbace"
    write_molecules(folder)
    label = folder / "raw" / "graph-label.csv.gz"
    whole = label.read_bytes()
    label.write_bytes(whole[:-6])
    before = files_below(tmp_path)
    with pytest.raises(DatasetError, match=r"raw/graph-label\.csv\.gz: the archive is cut short"):
        load_ogb_graph("ogbg-molbace", tmp_path)
    assert files_below(tmp_path) == before
    label.write_bytes(whole)
    check_molecules(*load_ogb_graph("ogbg-molbace", tmp_path))

    processed = folder / "processed" / "geometric_data_processed.pt"
    processed.write_bytes(processed.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"data_processed\.pt: .* delete that file"):
        load_ogb_graph("ogbg-molbace", tmp_path)
    processed.unlink()
    check_molecules(*load_ogb_graph("ogbg-molbace", tmp_path))

    write_csv(folder / "split" / "scaffold" / "test.csv.gz", [[7]])
    with pytest.raises(DatasetError, match="beyond the 3"):
        load_ogb_graph("ogbg-molbace", tmp_path)


def test_unusable_folder_is_named(tmp_path, monkeypatch) -> None:
    write_molecules(tmp_path / "ogbg_molbace")

    def read_only(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ogb.os, "replace", read_only)
    with pytest.raises(DatasetError, match="pass a root that can be written to"):
        load_ogb_graph("ogbg-molbace", tmp_path)


def test_unsafe_pickle_is_not_run(tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    folder = tmp_path / "ogb" / "ogbg_molbace"
    write_molecules(folder)
    load_ogb_graph("ogbg-molbace", tmp_path)
    processed = folder / "processed" / "geometric_data_processed.pt"
    whole = processed.read_bytes()
    torch.save(Trap(), processed)
    with pytest.raises(DatasetError, match=r"data_processed\.pt: is altered, it holds more than"):
        load_ogb_graph("ogbg-molbace", tmp_path)
    processed.write_bytes(whole)
    torch.save(Trap(), folder / "split" / "scaffold" / "split_dict.pt")
    with pytest.raises(DatasetError, match=r"split_dict\.pt: .*holds posix\.mkdir"):
        load_ogb_graph("ogbg-molbace", tmp_path)
    assert not (tmp_path / "sprung").exists()


class Answer:
    """What a server says of an archive before it comes."""

    def __init__(self, size: str) -> None:
        self.headers = {"Content-Length": size}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_download_is_bounded_and_arrives_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ogb, "check_reachable", lambda *_: None)
    monkeypatch.setattr(ogb.urllib.request, "urlopen", lambda *_: Answer(str(5 * 2**30)))
    with pytest.raises(DatasetError, match=r"5\.00 GB; pass max_gigabytes=5\.01"):
        load_ogb_graph("ogbg-molbace", tmp_path)

    archive = tmp_path / "archive"
    write_molecules(archive / "bace")
    import ogb.utils.url as url

    monkeypatch.setattr(
        url,
        "download_url",
        lambda _, folder: shutil.make_archive(str(Path(folder, "bace")), "zip", archive),
    )
    root = tmp_path / "root"
    check_molecules(*load_ogb_graph("ogbg-molbace", root, max_gigabytes=6.0))
    assert [path.name for path in (root / "ogb").iterdir()] == ["ogbg_molbace"]


@pytest.mark.parametrize("kept", [0, 100, -30])
def test_a_cut_archive_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, kept: int) -> None:
    import ogb.utils.url as url

    archive, root = tmp_path / "archive", tmp_path / "root"
    write_molecules(archive / "bace")
    whole = Path(shutil.make_archive(str(tmp_path / "bace"), "zip", archive)).read_bytes()

    def download_url(_: str, folder: str) -> str:
        path = Path(folder, "bace.zip")
        path.write_bytes(whole[:kept])
        return str(path)

    monkeypatch.setattr(ogb, "check_reachable", lambda *_: None)
    monkeypatch.setattr(ogb.urllib.request, "urlopen", lambda *_: Answer("100"))
    monkeypatch.setattr(url, "download_url", download_url)
    with pytest.raises(
        DatasetError, match=r"'ogbg-molbace': .* the download failed: BadZip"
    ) as said:
        load_ogb_graph("ogbg-molbace", root)
    assert "\n" not in str(said.value)
    assert list(root.rglob("*")) == []


def test_evaluators() -> None:
    rng = np.random.RandomState(0)
    truth = rng.randint(0, 2, (4000, 1))
    bace = ogb_evaluator("ogbg-molbace")
    assert bace.eval({"y_true": truth, "y_pred": truth.astype(float)})["rocauc"] == 1.0
    chance = bace.eval({"y_true": truth, "y_pred": rng.rand(4000, 1)})["rocauc"]
    assert chance == pytest.approx(0.5, abs=0.04)
    solubility = ogb_evaluator("ogbg-molesol")
    value = torch.arange(4.0).view(4, 1)
    assert solubility.eval({"y_true": value, "y_pred": value + 2})["rmse"] == pytest.approx(2.0)
    arxiv = ogb_evaluator("ogbn-arxiv")
    label = torch.tensor([[0], [1], [2], [3]])
    assert arxiv.eval({"y_true": label, "y_pred": label.clamp(max=2)})["acc"] == 0.75
    assert ogb_evaluator("ogbl-collab").eval_metric == "hits@50"
    with pytest.raises(ValueError, match="did you mean 'ogbg-molhiv'"):
        ogb_evaluator("ogbg-molhi")
    with pytest.raises(ValueError, match="did you mean 'ogbn-arxiv'"):
        load_ogb_node("ogbn-arxv")


def test_import_starts_no_thread_and_leaves_no_trace() -> None:
    code = (
        "import os, sys, threading\n"
        "os.environ.pop('OUTDATED_IGNORE', None)\n"  # of a parent that has imported ogb itself
        "from graphpoly.data import ogb_evaluator\n"
        "assert 'ogb' not in sys.modules, 'imported too early'\n"
        "started = []\n"
        "threading.Thread.start = lambda self: started.append(self)\n"
        "ogb_evaluator('ogbg-molhiv')\n"
        "assert 'ogb' in sys.modules\n"
        "assert 'outdated' not in sys.modules\n"
        "assert 'OUTDATED_IGNORE' not in os.environ\n"
        "assert not started, started\n"
    )
    run_warm(code)


@pytest.mark.data
@needs_data
def test_real_molecules(tmp_path) -> None:
    source = Path(os.environ["GRAPHPOLY_DATA"], "ogb", "ogbg_molbace")
    if not source.is_dir():
        pytest.skip(f"{source} is absent")
    shutil.copytree(
        source, tmp_path / "ogb" / "ogbg_molbace", ignore=shutil.ignore_patterns("*.pt")
    )
    for _ in range(2):
        dataset, split = load_ogb_graph("ogbg-molbace", tmp_path)
        assert len(dataset) == 1513
        assert [len(split[part]) for part in ("train", "valid", "test")] == [1210, 151, 152]
        assert sum(int(graph.y) for graph in dataset) == 691
        assert dataset[0].x.shape[1] == 9
