"""What is packed are the rows of every batch, whenever packing was killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from graphpoly.loader import (
    DiskFeatures,
    HGTLoader,
    LinkNeighborLoader,
    NeighborLoader,
    PackedEpochs,
    pack_epochs,
    seeded_epoch,
)

from . import packing
from .test_packed_epochs import same_batches

ROOT = Path(__file__).parents[2]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def packed(tmp_path):
    store = packing.stored(tmp_path / "store")
    loader = packing.loader(packing.graph(features=False))

    def again(**options):
        return pack_epochs(loader, store, tmp_path / "out", **{**packing.OPTIONS, **options})

    again()
    return tmp_path / "out", store, loader, again


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_killed_packing_and_killed_training_go_on(tmp_path):
    command = [sys.executable, "-m", "tests.loader.packing", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=250, check=False)
    assert not done.returncode, done.stderr.decode()
    said = json.loads((tmp_path / "said.json").read_text())
    whole = contents(tmp_path / "whole")
    assert len(whole) > 4  # several files of batches, what is kept, the manifest
    assert len(said["packing"]) >= 3 * len(whole)
    assert set(said["packing"]) == {"FileNotFoundError", "ValueError", "complete"}
    for number in range(1, 1 + len(said["packing"])):
        assert contents(tmp_path / f"killed {number}") == whole, number
    data = packing.loader(packing.graph(features=True))
    model, optimizer = packing.network()
    wanted = [
        packing.step(model, optimizer, batch)
        for epoch in range(packing.EPOCHS)
        for batch in seeded_epoch(data, packing.SEED + epoch)
    ]
    assert said["training"] == (len(wanted) - 1) // 3
    assert torch.load(tmp_path / "checkpoint.pt")["losses"] == wanted


def test_rows_lie_side_by_side_as_each_batch_has_them(packed):
    folder, _, loader, _ = packed
    x = packing.graph(features=True).x
    batches = [b for k in range(2) for b in seeded_epoch(loader, packing.SEED + k)]
    counts = torch.stack([torch.bincount(b.n_id, minlength=packing.NODES) for b in batches])
    order = sorted(range(packing.NODES), key=lambda v: (-int(counts[:, v].sum()), v))
    kept = sorted(order[:80])  # of 20 bytes each
    held = (folder / "hot.rows").read_bytes()
    assert held == torch.tensor(kept).numpy().tobytes() + x[kept].numpy().tobytes()
    wanted = b""
    for batch in batches:
        rows = x[[v for v in batch.n_id.tolist() if v not in kept]].numpy().tobytes()
        wanted += rows + bytes(-len(rows) % 8)
    files = sorted(folder.glob("0*.rows"))
    assert b"".join(path.read_bytes() for path in files) == wanted
    assert max(path.stat().st_size for path in files) <= 2**13 + 8 * len(batches)


def test_what_was_altered_is_found_and_written_again(packed):
    folder, store, _, again = packed
    whole = contents(folder)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in kept if kept[name] != times[name]} == {"manifest.json"}
    for name in ("00001.rows", "hot.rows"):
        content = whole[name]
        flipped = content[:50] + bytes([content[50] ^ 1]) + content[51:]
        for altered in (content[:-3], b"", flipped, content + b"more"):
            (folder / name).write_bytes(altered)
            again()
            assert contents(folder) == whole
        (folder / name).unlink()
        again()
        assert contents(folder) == whole
    assert store.bytes_read > 0


def test_what_is_read_once_is_not_kept(packed, tmp_path):
    _, store, loader, _ = packed
    one = pack_epochs(loader, store, tmp_path / "all", epochs=1, cache_bytes=10**6)
    list(one)
    counts = torch.zeros(packing.NODES)
    for batch in seeded_epoch(loader, 0):
        counts[batch.n_id] += 1
    assert one.num_misses == int((counts == 1).sum())
    assert one.num_hits == int(counts[counts > 1].sum())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 8}, "seed: got 8, .* was packed with 7"),
        ({"epochs": 3}, "epochs: got 3, .* with 2"),
        ({"cache_bytes": 0}, "cache_bytes: got 0, .* with 1600"),
        ({"epochs": 0}, "epochs: got 0, expected at least 1"),
        ({"buffer_bytes": 0}, "buffer_bytes: got 0"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_other_settings_are_refused(packed, options, message):
    folder, _, _, again = packed
    whole = contents(folder)
    with pytest.raises(ValueError, match=message):
        again(**options)
    assert contents(folder) == whole


def test_another_graph_or_other_features_are_refused(packed, tmp_path):
    folder, store, loader, again = packed
    whole = contents(folder)
    other = packing.graph(features=False)
    other.edge_index = other.edge_index.roll(1, 0)
    with pytest.raises(ValueError, match="loader: samples what was not packed"):
        pack_epochs(packing.loader(other), store, folder, **packing.OPTIONS)
    short = packing.loader(packing.graph(features=False), drop_last=True)
    with pytest.raises(ValueError, match=r"batches: got 9, .* was packed with 10"):
        pack_epochs(short, store, folder, **packing.OPTIONS)
    for shape, message in (
        ((299, 5), "x: has 299 rows, the graph 300 nodes"),
        ((300, 4), "x: is not what it was"),
        ((300, 5), "x: is not what it was"),  # it was written anew
    ):
        store.put_tensor(torch.zeros(shape), None, "x", None)
        with pytest.raises(ValueError, match=message):
            again()
    store.put_tensor(torch.zeros(300), "paper", "z", None)
    with pytest.raises(ValueError, match=r"paper\.z: the graph has no nodes of that type"):
        again()
    with pytest.raises(TypeError, match="store: got Data"):
        pack_epochs(loader, packing.graph(features=True), folder, **packing.OPTIONS)
    with pytest.raises(ValueError, match="store: holds nothing"):
        pack_epochs(loader, DiskFeatures(tmp_path / "none"), folder, **packing.OPTIONS)
    full = packing.loader(packing.graph(features=True))
    with pytest.raises(ValueError, match="x: is in the store and in the graph"):
        pack_epochs(full, packing.stored(tmp_path / "new"), folder, **packing.OPTIONS)
    assert contents(folder) == whole


def test_a_pair_of_stores(tmp_path):
    store = packing.stored(tmp_path / "store", torch.bfloat16)
    store.put_tensor(torch.arange(packing.NODES, dtype=torch.uint8), None, "y", None)
    graph = Data(num_nodes=packing.NODES)
    graph.put_edge_index(packing.graph(features=False).edge_index, "coo", size=(packing.NODES,) * 2)
    options = {"batch_size": 40, "shuffle": True, "input_nodes": torch.arange(0, 300, 2)}
    loader = NeighborLoader((store, graph), [3, 2], **options)
    found = pack_epochs(loader, store, tmp_path / "out", epochs=2, cache_bytes=900)
    for epoch in range(2):
        same_batches(found, seeded_epoch(loader, epoch), order=True)
    assert found.num_hits > 0
    other = DiskFeatures(tmp_path / "store")
    with pytest.raises(ValueError, match="store: is not the one"):
        pack_epochs(loader, other, tmp_path / "out", epochs=2, cache_bytes=900)


@pytest.mark.parametrize("pair", [True, False])
def test_types_of_nodes(pair, tmp_path):
    torch.manual_seed(0)
    graph, full = HeteroData(), HeteroData()
    store = DiskFeatures(tmp_path / "store")
    for kind, size in {"author": 30, "paper": 60}.items():
        graph[kind].num_nodes = full[kind].num_nodes = size
        full[kind].x = torch.randn(size, 3 if kind == "paper" else 2)
        store.put_tensor(full[kind].x, kind, "x", None)
    store.put_tensor(torch.arange(60), "paper", "y", None)
    full["paper"].y = torch.arange(60)
    for kind in (("author", "writes", "paper"), ("paper", "by", "author")):
        sizes = [graph[kind[i]].num_nodes for i in (0, 2)]
        edges = torch.stack([torch.randint(size, (150,)) for size in sizes])
        graph[kind].edge_index = full[kind].edge_index = edges
    options = {"input_nodes": "paper", "batch_size": 8, "shuffle": True}
    own = NeighborLoader((store, graph) if pair else graph, [3, 3], **options)
    packed = pack_epochs(own, store, tmp_path / "out", epochs=1, cache_bytes=400)
    reference = own if pair else NeighborLoader(full, [3, 3], **options)
    same_batches(packed, seeded_epoch(reference, 0), order=pair)
    assert packed.num_hits > 0
    if not pair:
        own, full = (HGTLoader(each, [4, 4], **options) for each in (graph, full))
        packed = pack_epochs(own, store, tmp_path / "budgets", epochs=1, cache_bytes=400)
        same_batches(packed, seeded_epoch(full, 0), order=False)


def test_links_and_repeated_nodes(tmp_path):
    store = packing.stored(tmp_path / "store")
    options = {"batch_size": 300, "neg_sampling": "binary", "shuffle": True, "disjoint": True}
    own, full = (
        LinkNeighborLoader(packing.graph(features=has), [2], **options) for has in (False, True)
    )
    packed = pack_epochs(own, store, tmp_path / "out", epochs=1, cache_bytes=0)
    wanted = list(seeded_epoch(full, 0))
    assert any(batch.n_id.unique().numel() < batch.n_id.numel() / 2 for batch in wanted)
    before = packed.bytes_read
    same_batches(packed, wanted)
    once = sum(batch.n_id.unique().numel() for batch in wanted)  # a node is written once a batch
    assert packed.num_misses == once
    assert 0 <= packed.bytes_read - before - 20 * once < 8 * len(wanted)


def test_a_bar_of_the_batches(packed, capsys, monkeypatch):
    again = packed[3]
    again(progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    again(progress=True)
    assert "packing" in (err := capsys.readouterr().err)
    assert "100%" in err


def test_an_unfinished_folder_is_not_read(packed):
    folder, _, loader, _ = packed
    (folder / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        PackedEpochs(loader, folder)
