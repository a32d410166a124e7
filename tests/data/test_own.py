"""Data that a user brings along: read safely, checked once, asked what it asks for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.datasets import FakeHeteroDataset

from graphpoly.data import DatasetError, Reading, dataset_from, own


def ring(size: int = 30, **further: Any) -> Data:
    ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    return Data(x=torch.randn(size, 3), edge_index=ahead, **further)


def saved(path: Path, value: object) -> str:
    torch.save(value, path)
    return str(path)


def load(source: str) -> tuple[Any, Any]:
    entry = dataset_from(source)
    return entry, entry.load(None, Reading(), 0)


def test_one_graph_with_classes(tmp_path: Path) -> None:
    source = saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 3))
    entry, loaded = load(source)
    assert (entry.name, entry.task, entry.metric, entry.loss) == ("mine", "nodes", "accuracy", "ce")
    assert (loaded.num_features, loaded.num_outputs) == (3, 3)
    assert loaded.data.num_edges == 60  # both ways
    assert entry.splits == ("stratified",)
    assert sum(loaded.split("stratified", 0).sizes) == 30


@pytest.mark.parametrize(
    ("y", "loss", "metric", "outputs"),
    [
        (torch.randn(30), "l1", "mae", 1),
        (torch.randn(30, 2), "l1", "mae", 2),
        (torch.randint(2, (30, 4)).float(), "bce", "rocauc", 4),
        (torch.randint(2, (30, 4)), "bce", "rocauc", 4),
        (torch.arange(60).view(30, 2), "l1", "mae", 2),
        (torch.arange(30.0) % 3, "l1", "mae", 1),
        (torch.arange(30).view(30, 1) % 2, "ce", "accuracy", 2),
    ],
)
def test_labels_say_what_is_learned(
    y: torch.Tensor, loss: str, metric: str, outputs: int, tmp_path: Path
) -> None:
    entry, loaded = load(saved(tmp_path / "mine.pt", ring(y=y)))
    assert (entry.loss, entry.metric, loaded.num_outputs) == (loss, metric, outputs)
    division = loaded.split(entry.splits[-1], 0)
    assert sum(division.sizes) == 30


@pytest.mark.parametrize(
    ("y", "doubtful"),
    [
        (torch.arange(30) % 3.0, True),
        ((torch.arange(30) % 2).double().view(30, 1), True),
        (torch.where(torch.arange(30) < 5, math.nan, 1.0), True),  # five are not known
        (torch.arange(30) % 3, False),  # classes
        (torch.arange(30) / 2, False),
        (torch.arange(30) % 3.0 - 1, False),  # no class is below 0
        (torch.arange(30) * 100.0, False),  # more classes than labels
        (torch.stack([torch.arange(30) % 3.0] * 2, 1), False),
        (torch.randint(2, (30, 4)).float(), False),
    ],
)
@pytest.mark.parametrize("task", ["nodes", "graphs"])
def test_whole_numbers_that_are_floats_are_told(
    y: torch.Tensor, doubtful: bool, task: str, tmp_path: Path
) -> None:
    data: Any = ring(y=y) if task == "nodes" else [ring(5, y=each.view(1, -1)) for each in y]
    entry, loaded = load(saved(tmp_path / "mine.pt", data))
    told = "whole numbers as floats are read as a regression, integers as classes"
    assert loaded.facts.get("labels") == (told if doubtful else None)
    assert (entry.loss == "l1") or not doubtful
    assert entry.standardized is (entry.loss == "l1")


BOTH = "edges that go one way are read both ways"
KEEP = " (directed=true keeps their directions)"
MEAN = "edges between the same nodes get the mean of their weights and features"
LOOPS = "loops are left out"


@pytest.mark.parametrize(
    ("pairs", "weight", "said"),
    [
        ([(0, 1), (1, 0)], None, None),
        ([(0, 1), (1, 0), (2, 3), (3, 2)], [1.0, 1.0, 2.0, 2.0], None),
        ([(0, 1), (1, 2)], None, BOTH + KEEP),
        ([(0, 1), (1, 0)], [1.0, 3.0], MEAN),
        ([(0, 1), (1, 0), (0, 1)], None, "parallel edges are read as one"),
        ([(0, 1), (1, 0), (0, 1)], [1.0, 1.0, 1.0], "parallel edges are read as one"),
        ([(0, 1), (0, 1)], [1.0, 2.0], f"{BOTH}{KEEP}; {MEAN}"),
        ([(0, 1), (1, 0), (2, 2)], None, f"{LOOPS} (self_loops=true keeps them)"),
    ],
)
@pytest.mark.parametrize("y", [torch.arange(30) % 3, torch.rand(30)])
def test_what_is_read_of_edges_in_another_way_is_told(
    pairs: list[tuple[int, int]],
    weight: list[float] | None,
    said: str | None,
    y: torch.Tensor,
    tmp_path: Path,
) -> None:
    held = {} if weight is None else {"edge_weight": torch.tensor(weight)}
    data = Data(x=torch.randn(30, 3), edge_index=torch.tensor(pairs).T, y=y, **held)
    entry, loaded = load(saved(tmp_path / "mine.pt", data))
    assert loaded.facts.get("directions") == said
    before = sorted(zip(map(tuple, pairs), weight or [0.0] * len(pairs), strict=True))
    kept = loaded.data.get("edge_weight", torch.zeros(loaded.data.num_edges)).tolist()
    after = sorted(zip(map(tuple, loaded.data.edge_index.T.tolist()), kept, strict=True))
    assert (before == after) is (said is None)
    as_it_is = entry.load(None, Reading(directed=True, self_loops=True), 0)
    assert "directions" not in as_it_is.facts


def test_links_have_no_direction_and_it_is_told(tmp_path: Path) -> None:
    data = ring(100)
    data.edge_index = torch.cat([data.edge_index, torch.tensor([[4, 7], [5, 7]])], 1)
    entry = dataset_from(saved(tmp_path / "mine.pt", data))
    for reading in (Reading(), Reading(directed=True, self_loops=True)):
        told = entry.load(None, reading, 0).facts["directions"]
        assert told == f"{BOTH}; parallel edges are read as one; {LOOPS}"


def test_stored_masks_come_first(tmp_path: Path) -> None:
    part = torch.arange(30) % 3
    masks = {f"{name}_mask": part == i for i, name in enumerate(("train", "val", "test"))}
    entry, loaded = load(saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 2, **masks)))
    assert entry.splits == ("public", "stratified")
    assert torch.equal(loaded.split("public", 0).train_mask, part == 0)


@pytest.mark.parametrize("y", [torch.arange(30) % 2, torch.rand(30)])
@pytest.mark.parametrize("held", [("train",), ("train", "val"), ("val", "test")])
def test_masks_that_lack_one_are_not_passed_over(
    held: tuple[str, ...], y: torch.Tensor, tmp_path: Path
) -> None:
    masks = {f"{name}_mask": torch.arange(30) % 3 == i for i, name in enumerate(held)}
    entry, loaded = load(saved(tmp_path / "mine.pt", ring(y=y, **masks)))
    with pytest.raises(ValueError, match=r"data has no (train|val|test)_mask.*give all three"):
        loaded.split(entry.splits[0], 0)
    assert sum(loaded.split(entry.splits[1], 0).sizes) == 30


@pytest.mark.parametrize("form", ["list", "batch"])
def test_many_graphs(form: str, tmp_path: Path) -> None:
    graphs: Any = [ring(4 + i % 3, y=torch.tensor([i % 2])) for i in range(40)]
    if form == "batch":
        graphs = Batch.from_data_list(graphs)
    entry, loaded = load(saved(tmp_path / "mine.pt", graphs))
    assert (entry.task, loaded.num_outputs, len(loaded.graphs)) == ("graphs", 2, 40)
    assert loaded.split("stratified", 0).sizes == (32, 4, 4)


def test_graphs_with_several_labels(tmp_path: Path) -> None:
    graphs = [ring(5, y=torch.rand(1, 3)) for _ in range(10)]
    entry, loaded = load(saved(tmp_path / "mine.pt", graphs))
    assert (entry.loss, loaded.num_outputs) == ("l1", 3)
    assert loaded.split("random", 0).sizes == (6, 2, 2)
    assert loaded.graphs[0].y.shape == (1, 3)


def test_a_graph_without_labels_is_asked_for_its_links(tmp_path: Path) -> None:
    entry, loaded = load(saved(tmp_path / "mine.pt", ring(100)))
    assert (entry.task, entry.metric) == ("links", "auc")
    assert sum(loaded.split("random", 0).sizes) == 100


@pytest.mark.parametrize("name", ["edge_weight", "edge_type"])
def test_what_tells_edges_apart_is_no_matter_of_links(name: str, tmp_path: Path) -> None:
    """Weights and types of edges were passed over without a word."""
    data = ring(100, **{name: torch.arange(100) % 3})
    with pytest.raises(DatasetError, match=f"{name}: links are learned from edges that are alike"):
        dataset_from(saved(tmp_path / "mine.pt", data))


@pytest.mark.parametrize("names", [("x", "edge_index", "y"), ("node_features", "edges", "labels")])
def test_arrays(names: tuple[str, str, str], tmp_path: Path) -> None:
    data = ring(y=torch.arange(30) % 2)
    edges = data.edge_index.numpy()
    if names[1] == "edges":
        edges = edges.T
    arrays = dict(zip(names, (data.x.numpy(), edges, data.y.numpy()), strict=True))
    masks = np.arange(30) % 3
    arrays |= {
        f"{p}_masks": np.stack([masks == i] * 2) for i, p in enumerate(("train", "val", "test"))
    }
    np.savez(tmp_path / "mine.npz", **arrays)
    entry, loaded = load(str(tmp_path / "mine.npz"))
    assert (entry.task, loaded.num_features, loaded.num_outputs) == ("nodes", 3, 2)
    assert entry.splits[0] == "public"


def test_arrays_of_edges_and_the_number_of_nodes(tmp_path: Path) -> None:
    data = ring(20)
    draws = np.random.default_rng(0)
    edges = {"edge_weight": draws.random(20), "edge_attr": draws.random((20, 3))}
    edges |= {"edge_type": np.arange(20) % 4}
    arrays = {"edge_index": data.edge_index.numpy(), "labels": np.arange(30) % 2, "num_nodes": 30}
    np.savez(tmp_path / "mine.npz", **arrays, **edges)
    entry = dataset_from(str(tmp_path / "mine.npz"))
    read = entry.load(None, Reading(directed=True), 0).data
    assert read.num_nodes == 30
    assert torch.equal(read.edge_index, data.edge_index)
    for name, value in edges.items():
        assert torch.equal(read[name], torch.from_numpy(value).to(read[name].dtype))
    for wrong in (np.array([30, 30]), np.array(30.5), np.array(-1)):
        np.savez(tmp_path / "mine.npz", **{**arrays, "num_nodes": wrong})
        with pytest.raises(DatasetError, match=r"num_nodes: got .*, expected one"):
            dataset_from(str(tmp_path / "mine.npz"))


def test_a_function_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data_of_mine.py").write_text(
        "import torch\nfrom torch_geometric.data import Data\n"
        "def made():\n"
        "    ring = torch.stack([torch.arange(9), (torch.arange(9) + 1) % 9])\n"
        "    return Data(x=torch.eye(9), edge_index=ring, y=torch.arange(9) % 3)\n"
        "held = made()\n"
    )
    monkeypatch.chdir(tmp_path)
    for source in ("data_of_mine:made", "data_of_mine.py:made", "data_of_mine:held"):
        entry, loaded = load(source)
        assert (entry.name, loaded.num_outputs) == (source.partition(":")[2], 3)
    with pytest.raises(ValueError, match="did you mean 'made'"):
        dataset_from("data_of_mine:maade")
    with pytest.raises(ValueError, match="expected module:factory"):
        dataset_from("no_such_module_at_all:made")


class Stranger:
    """Something that must never be unpickled."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Stranger(), "objects other than tensors and PyG's graphs"),
        (torch.zeros(3), "got Tensor, expected Data or a list of Data"),
        ([], "holds no graphs"),
        ([ring(4)], "every graph needs a label"),
        ([ring(4, y=torch.arange(4))] * 3, r"node, expected one a graph, or \[1, T\]$"),
        ([ring(30, y=torch.arange(30))], "save the graph itself, not a list of it"),
        ([ring(4), 3, "four"], "got a list of int, expected Data or a list of Data"),
        ((ring(4), {"x": 0}), "got a tuple of Data, dict, expected .* save list"),
        ([ring(4, y=torch.tensor([float("nan")]))] * 3, "y: no label is known, all are NaN"),
        (Data(x=torch.zeros(3, 1), y=torch.zeros(3)), "edge_index: there is none"),
        (ring(y=torch.zeros(29, dtype=torch.long)), "y: got 29 labels, expected 30"),
        (ring(y=torch.zeros(30, dtype=torch.long)), "y: got 1 classes, at least 2"),
    ],
)
def test_what_does_not_fit_is_one_line(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        dataset_from(saved(tmp_path / "mine.pt", value))
    assert "mine.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge_index": torch.tensor([[0], [30]])}, "edge_index: a node is outside 0 to 29"),
        ({"edge_index": torch.tensor([[0.5], [1.0]])}, "expected whole numbers"),
        ({"edge_index": torch.tensor([0, 1])}, r"expected \[2, E\]"),
        ({"edge_index": "none"}, "edge_index: got str, expected a tensor"),
        ({"x": torch.full((30, 1), float("nan"))}, "x: holds values that are not finite"),
        ({"x": torch.zeros(30, 4, 2)}, r"x: got \[30, 4, 2\], expected \[30, F\]"),
        ({"x": torch.zeros(30, 1) * 1j}, "x: got torch.complex64, expected real numbers"),
        ({"y": ["a"] * 30}, "y: got a list of str, expected a tensor"),
        ({"y": torch.tensor(1)}, "y: got 1 labels, expected 30"),
        ({"y": torch.full((30,), float("inf"))}, "y: holds infinities"),
        ({"edge_weight": torch.ones(29)}, r"edge_weight: got \[29\], expected 30 rows"),
        ({"edge_weight": torch.ones(30, 2)}, r"edge_weight: got \[30, 2\], expected \[30\]"),
        ({"edge_weight": torch.full((30,), float("nan"))}, "edge_weight: holds values that are"),
        ({"edge_attr": torch.ones(60, 3)}, r"edge_attr: got \[60, 3\], expected 30 rows"),
        ({"edge_type": torch.tensor(0)}, r"edge_type: got \[\], expected 30 rows"),
        ({"train_mask": torch.arange(20)}, r"train_mask: got \[20\], expected 30 rows"),
    ],
)
def test_parts_that_do_not_fit_are_named(change: dict, message: str, tmp_path: Path) -> None:
    data = ring(y=torch.arange(30) % 2)
    for key, value in change.items():
        data[key] = value
    with pytest.raises(DatasetError, match=message):
        dataset_from(saved(tmp_path / "mine.pt", data))


@pytest.mark.parametrize(
    ("name", "odd", "message"),
    [
        ("x", torch.zeros(4, 2), r"x: graphs have \[2, 3\] columns"),
        ("edge_attr", None, r"edge_attr: graphs have \[0, 2\] columns"),
        ("edge_attr", torch.zeros(4, 5), r"edge_attr: graphs have \[2, 5\] columns"),
        ("edge_attr", torch.zeros(3, 2), r"graph 7: edge_attr: got \[3, 2\], expected 4 rows"),
        ("y", torch.tensor([-1]), "y: got the class -1, the first one is 0"),
        ("y", None, "every graph needs a label"),
    ],
)
def test_a_graph_that_differs_is_named(
    name: str, odd: torch.Tensor | None, message: str, tmp_path: Path
) -> None:
    graphs = [ring(4, y=torch.tensor([i % 2]), edge_attr=torch.ones(4, 2)) for i in range(20)]
    graphs[7][name] = odd
    with pytest.raises(DatasetError, match=message):
        dataset_from(saved(tmp_path / "mine.pt", graphs))


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("x", torch.eye(30).to_sparse(), torch.eye(30)),
        ("x", np.eye(30), torch.eye(30, dtype=torch.float64)),
        ("y", [0, 1] * 15, torch.arange(30) % 2),
        ("y", np.arange(30) % 2, torch.arange(30) % 2),
        ("edge_weight", torch.arange(1, 31), torch.arange(1, 31).float()),
        ("edge_weight", torch.rand(30).double(), None),
        ("edge_weight", torch.ones(30, 1), torch.ones(30)),
    ],
)
def test_other_forms_of_the_same_are_read(
    name: str, given: Any, read: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ring(y=torch.arange(30) % 2)
    data[name] = given
    monkeypatch.setattr(own, "_made", lambda source: data)
    loaded = dataset_from("mine:graph").load(None, Reading(directed=True), 0)
    found = loaded.data[name]
    assert found.dtype == (torch.float32 if read is None else read.dtype)
    torch.testing.assert_close(found, given.float() if read is None else read, rtol=0, atol=0)


def test_labels_of_graphs_may_be_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    for labels, loss in ([i % 2 for i in range(20)], "ce"), ([i / 8 for i in range(20)], "l1"):
        graphs = [ring(4, y=label) for label in labels]
        monkeypatch.setattr(own, "_made", lambda source, graphs=graphs: graphs)
        entry = dataset_from("mine:graphs")
        assert entry.loss == loss
        read = [graph.y.item() for graph in entry.load(None, Reading(), 0).graphs]
        assert read == labels


def test_several_kinds_of_nodes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in (HeteroData(), [HeteroData()], FakeHeteroDataset(2)):
        monkeypatch.setattr(own, "_made", lambda source, made=made: made)
        with pytest.raises(DatasetError, match=r"HeteroData, expected Data or a list of Data"):
            dataset_from("mine:graphs")
    with pytest.raises(DatasetError, match=r"expected Data or a list of Data|objects other than"):
        dataset_from(saved(tmp_path / "mine.pt", HeteroData()))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        dataset_from(str(tmp_path / "absent.pt"))
    for name, content in (("cut.pt", b"PK"), ("cut.npz", b"PK")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=name):
            dataset_from(str(tmp_path / name))
    with pytest.raises(ValueError, match=r"unknown kind of file '\.csv'"):
        dataset_from("mine.csv")


def test_nodes_of_which_nothing_is_known_are_ones(tmp_path: Path) -> None:
    data = ring(y=torch.arange(30) % 2)
    del data.x
    data.num_nodes = 30
    _, loaded = load(saved(tmp_path / "mine.pt", data))
    assert torch.equal(loaded.data.x, torch.ones(30, 1))


@pytest.mark.parametrize("kind", ["pt", "npz"])
@pytest.mark.parametrize("masks", [1, 3])
def test_labels_say_how_many_nodes_there_are_where_nothing_else_does(
    kind: str, masks: int, tmp_path: Path
) -> None:
    """The last ones have no edge."""
    ahead, y = torch.stack([torch.arange(9), torch.arange(1, 10)]), torch.arange(12) % 2
    rows = (torch.arange(12) % 3).unsqueeze(1) == torch.arange(masks)
    held = {
        f"{part}_mask": rows.roll(shift, 0) for shift, part in enumerate(("train", "val", "test"))
    }
    path = tmp_path / f"mine.{kind}"
    if kind == "pt":
        torch.save(Data(edge_index=ahead, y=y, **held), path)
    else:
        np.savez(path, edge_index=ahead, y=y, **{key: mask.T for key, mask in held.items()})
    entry, loaded = load(str(path))
    assert (entry.task, loaded.data.num_nodes, loaded.data.x.shape) == ("nodes", 12, (12, 1))
    assert torch.equal(loaded.split("public", masks - 1).train_mask, rows[:, -1])


@pytest.mark.parametrize("y", [torch.arange(30) % 2, torch.rand(30), torch.rand(30, 2)])
def test_several_stored_divisions_take_turns(y: torch.Tensor, tmp_path: Path) -> None:
    rows = (torch.arange(30) % 3).unsqueeze(1)
    masks = {
        f"{part}_mask": rows == (torch.arange(2) + shift) % 3
        for shift, part in enumerate(("train", "val", "test"))
    }
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=y, **masks)))
    for seed in range(4):
        division = loaded.split("public", seed)
        assert torch.equal(division.val_mask, masks["val_mask"][:, seed % 2])
        assert division.index == seed % 2


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.uint64, np.int16])
def test_whole_numbers_of_every_sort_are_read(kind: type, tmp_path: Path) -> None:
    edges, y = np.array([[0, 1, 2], [1, 2, 3]]), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "bare.npz", edges=edges.astype(kind), y=y.astype(kind))
    assert load(str(tmp_path / "bare.npz"))[1].data.num_nodes == 4
    np.savez(
        tmp_path / "mine.npz", x=np.eye(4, dtype=kind), edges=edges.astype(kind), y=y.astype(kind)
    )
    _, loaded = load(str(tmp_path / "mine.npz"))
    ways = loaded.data.edge_index
    assert ways[:, ways[0] < ways[1]].tolist() == edges.tolist()
    assert loaded.data.y.tolist() == y.tolist()
    assert torch.equal(loaded.data.x, torch.eye(4))


def test_words_for_numbers_are_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", edges=np.array([[0, 1]]), y=np.array(["cat", "dog"]))
    with pytest.raises(DatasetError, match=r"mine\.npz: y: got ndarray, expected a tensor"):
        dataset_from(str(tmp_path / "mine.npz"))
