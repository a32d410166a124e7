"""Every registered dataset: read where its files are at hand, named in one line where not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import (
    DatasetError,
    LinkSplit,
    Reading,
    Split,
    find_dataset,
    load_node_data,
    make_split,
)
from graphpoly.data.entries import generated, graphs
from graphpoly.data.entries.nodes import node_problem

ENTRIES = {entry.name: entry.obj for entry in registry.entries("dataset")}
STORED = [name for name, entry in ENTRIES.items() if entry.stored]
# read as others of their family are, and take longer
LONG = ("images-comb", "Mutagenicity", "NCI1", "IMDB-MULTI", "AIDS", "squirrel", "ogbg-moltox21")
# read whole, these take minutes or gigabytes
LARGE = ("cs", "physics", "ogbg-molhiv", "cornell5", "REDDIT-BINARY", "DD", "computers", "PB")


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_what_it_is(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.source
    assert entry.title
    assert entry.num_splits >= 1
    assert len(set(entry.splits)) == len(entry.splits)


@pytest.mark.parametrize("name", STORED)
def test_absent_files_are_one_line_and_leave_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphpoly.data import datasets, expressivity, folds, molecules, ogb, tu

    def unreachable(*given: object) -> None:
        raise OSError("no network")

    for module in (datasets, expressivity, folds, molecules, ogb, tu):
        if hasattr(module, "check_reachable"):
            monkeypatch.setattr(module, "check_reachable", unreachable)
    entry = ENTRIES[name]
    with pytest.raises(DatasetError) as caught:
        entry.load(tmp_path / "root", entry.reading, 0)
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
        for name in STORED
        if name not in LARGE
    ],
)
def test_files_at_hand_are_read_and_divided(name: str, data_root: Path) -> None:
    entry = ENTRIES[name]
    try:
        loaded = entry.load(data_root, entry.reading, 0)
        split = loaded.split(entry.splits[0], 0)
    except DatasetError as error:
        pytest.skip(f"not at hand: {str(error)[:80]}")
    if entry.task == "nodes":
        assert isinstance(split, Split)
        assert loaded.data.num_node_features == loaded.num_features
        assert min(split.sizes) > 0
    elif entry.task == "links":
        assert isinstance(split, LinkSplit)
    elif entry.task == "graphs":
        parts = torch.cat([split.train, split.val, split.test])
        assert sorted(parts.tolist()) == list(range(len(loaded.graphs)))
        assert loaded.graphs[0].num_node_features == loaded.num_features
    assert loaded.num_outputs >= 1
    assert loaded.facts


@pytest.mark.data
def test_unknown_labels_are_in_no_division(data_root: Path) -> None:
    entry = find_dataset("johnshopkins55")
    try:
        loaded = entry.load(data_root, entry.reading, 0)
    except DatasetError:
        pytest.skip("johnshopkins55 is not among the datasets at hand")
    unknown = load_node_data("johnshopkins55", data_root).y < 0
    assert unknown.any()
    split = loaded.split("stratified", 0)
    for mask in (split.train_mask, split.val_mask, split.test_mask):
        assert not (mask & unknown).any()
    assert loaded.num_outputs == 2


@pytest.mark.data
def test_citeseer_s_nodes_without_a_row_are_in_no_part_of_geom_gcn(data_root: Path) -> None:
    """Nobody's test nodes: PyG fills in no features and the first class."""
    entry = find_dataset("citeseer")
    loaded = entry.load(data_root, entry.reading, 0)
    plain = load_node_data("citeseer", data_root, masks="geom-gcn")
    assert loaded.known is not None
    unknown = ~loaded.known
    assert torch.equal(unknown, ~plain.x.any(1))
    assert (int(unknown.sum()), plain.y[unknown].unique().tolist()) == (15, [0])
    for seed in range(12):
        split = loaded.split("geom-gcn", seed)
        for part in ("train", "val", "test"):
            stored = plain[f"{part}_mask"][:, seed % 10]
            assert torch.equal(getattr(split, f"{part}_mask"), stored & loaded.known)
    assert sum(loaded.split("geom-gcn", 0).sizes) == 3312
    # what is drawn is drawn as its authors drew it, and the public masks have none of them
    assert loaded.split("stratified", 0).hash == make_split(plain, "stratified", 0).hash
    assert loaded.split("public", 0).sizes == (120, 500, 1000)
    cora = find_dataset("cora")
    assert cora.load(data_root, cora.reading, 0).known is None


def test_which_labels_are_known_is_said() -> None:
    y = torch.tensor([0, 1, -1, 0, 1, 1, 0, 0, 1, 1])
    data = Data(x=torch.ones(10, 1), edge_index=torch.empty(2, 0, dtype=torch.long), y=y)
    known = node_problem(data).known
    assert known is not None
    assert torch.equal(known, y >= 0)
    assert node_problem(Data(x=data.x, edge_index=data.edge_index, y=y.abs())).known is None


DRAWN = ["dense", "sparse", "stratified", "five-fold", "dense-bernnet", "dense-fegnn"]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("first", [4, 120])
def test_what_is_drawn_is_drawn_among_the_nodes_whose_label_is_known(name: str, first: int) -> None:
    """As many as there are of them: the unknown ones count for no class and no share."""
    known = torch.tensor([0] * first + [1] * 120)
    y = torch.cat([known, torch.full((200,), -1)])[torch.randperm(first + 320)]
    data = Data(x=torch.ones(len(y), 1), edge_index=torch.empty(2, 0, dtype=torch.long), y=y)
    loaded = node_problem(data)
    assert torch.equal(loaded.data.y, y)  # whoever looks at all labels sees which there are
    here = (y >= 0).nonzero().view(-1)
    for seed in range(3):
        expected = make_split(Data(y=y[here], num_nodes=len(here)), name, seed)
        split = loaded.split(name, seed)
        assert (split.name, split.index, split.sizes) == (name, seed, expected.sizes)
        for part in ("train", "val", "test"):
            rows = getattr(split, f"{part}_mask").nonzero().view(-1)
            assert torch.equal(rows, here[getattr(expected, f"{part}_mask")])


def test_any_name_of_tudataset_and_ogb_is_found() -> None:
    assert find_dataset("COX2").task == "graphs"
    assert find_dataset("ogbg-moltoxcast").metric == "rocauc"
    assert find_dataset("ogbn-papers100M").task == "nodes"
    assert find_dataset("CORA") is ENTRIES["cora"]
    assert len(set(graphs.OTHER_TU)) == len(graphs.OTHER_TU)
    with pytest.raises(ValueError, match="did you mean 'citeseer'"):
        find_dataset("citesear")


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("self_loops", [False, True])
def test_what_belongs_to_edges_stays_with_them_however_a_graph_is_read(
    directed: bool, self_loops: bool
) -> None:
    edge_index = torch.tensor([[0, 1, 1, 2, 3], [0, 2, 1, 3, 0]])
    number = edge_index.sum(0)  # the same both ways
    data = Data(x=torch.rand(4, 2), edge_index=edge_index, edge_label_index=edge_index)
    data.edge_weight, data.edge_type = number.float(), number
    data.edge_attr, data.length = number.double().view(-1, 1), number.float()
    read = Reading(directed=directed, self_loops=self_loops).apply(data)
    assert bool((read.edge_index[0] == read.edge_index[1]).any()) == self_loops
    for name in ("edge_weight", "edge_type", "edge_attr", "length"):
        assert read[name].flatten().tolist() == read.edge_index.sum(0).tolist()
    assert torch.equal(read.edge_label_index, edge_index)
    assert data.num_edges == 5


def test_the_seed_of_the_run_is_that_of_the_graph_unless_one_is_given() -> None:
    entry = ENTRIES["csbm"]
    small = {"num_nodes": 60, "num_features": 5}
    free = generated.BlockModel(**small)
    assert entry.drawn
    first, second = (entry.load(None, free, seed).data.edge_index for seed in (0, 1))
    assert not torch.equal(first, second)
    fixed = generated.BlockModel(**small, graph_seed=1)
    assert torch.equal(entry.load(None, fixed, 0).data.edge_index, second)


def test_draws_repeat_the_graphs() -> None:
    entry = ENTRIES["cycles"]
    loaded = entry.load(None, generated.Draws(draws=3), 0)
    assert len(loaded.graphs) == 48
    division = loaded.split("all", 0)
    assert torch.equal(division.train, division.test)


def test_directions_and_loops_are_settings() -> None:
    from torch_geometric.data import Data

    data = Data(x=torch.tensor([[0.0, 2.0]] * 3), edge_index=torch.tensor([[0, 1], [1, 1]]))
    edges = {
        (directed, loops): Reading(directed=directed, self_loops=loops)
        .apply(data)
        .edge_index.t()
        .tolist()
        for directed in (False, True)
        for loops in (False, True)
    }
    assert edges[False, False] == [[0, 1], [1, 0]]
    assert edges[False, True] == [[0, 1], [1, 0], [1, 1]]
    assert edges[True, False] == [[0, 1]]
    assert edges[True, True] == [[0, 1], [1, 1]]
    assert Reading(row_normalize=True).apply(data).x.tolist() == [[0.0, 1.0]] * 3
    assert data.x.tolist() == [[0.0, 2.0]] * 3
