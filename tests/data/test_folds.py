from __future__ import annotations

import json

import pytest
import torch

from graphpoly.data import (
    DatasetError,
    GraphFold,
    block_folds,
    folds,
    published_folds,
    stratified_folds,
)


def test_stratified_folds_test_each_graph_once_with_equal_shares():
    y = torch.tensor([0] * 33 + [1] * 17 + [2] * 51)
    made = stratified_folds(y, 10, seed=3)
    assert torch.cat([fold.test for fold in made]).sort().values.tolist() == list(range(101))
    for i, fold in enumerate(made):
        assert torch.equal(fold.val, made[(i + 1) % 10].test)
        assert sum(fold.sizes) == 101
        for label in range(3):
            share = int((y == label).sum()) / 10
            assert abs(int((y[fold.test] == label).sum()) - share) < 1
    sizes = [fold.test.numel() for fold in made]
    assert max(sizes) - min(sizes) <= 1
    assert [f.hash for f in made] == [f.hash for f in stratified_folds(y, 10, seed=3)]
    assert made[0].hash != stratified_folds(y, 10, seed=4)[0].hash


@pytest.mark.parametrize(
    "y", [torch.arange(20).view(-1, 1) % 2, torch.tensor([0.0, 1.0, torch.nan] * 9), torch.ones(0)]
)
def test_stratified_folds_want_one_class_a_graph(y):
    """Graphs without a label were in no fold, and columns of labels gave graph 0 again."""
    with pytest.raises(ValueError, match=r"y: got .*, expected one class a graph"):
        stratified_folds(y, 5)


def test_block_folds_keep_neighbours_together_and_test_each_graph_once():
    made = block_folds(1200)
    assert torch.cat([fold.test for fold in made]).tolist() == list(range(1200))
    for i, fold in enumerate(made):
        assert torch.equal(fold.val, made[(i + 1) % 10].test)
        assert fold.sizes == (960, 120, 120)
        for part in (fold.train, fold.val, fold.test):  # a pair is in one of them
            assert torch.equal(part[::2] // 2, part[1::2] // 2)
    assert [fold.test.numel() for fold in block_folds(23, 5)] == [5, 5, 5, 4, 4]
    for wrong in (2, 24):
        with pytest.raises(ValueError, match="num_folds"):
            block_folds(23, wrong)


def test_a_fold_keeps_its_parts_apart():
    part = torch.arange(4)
    with pytest.raises(ValueError, match="twice"):
        GraphFold("x", 0, part, part + 3, part + 8)
    with pytest.raises(ValueError, match="val is empty"):
        GraphFold("x", 0, part, part[:0], part + 8)
    with pytest.raises(ValueError, match="at least 3"):
        stratified_folds(part, 2)
    for none in (part.float(), part > 1, part.view(2, 2), -1 - part):
        with pytest.raises(ValueError, match=r"val: got .*, expected indices of graphs"):
            GraphFold("x", 0, part, none, part + 8)
    first, second = GraphFold("x", 0, *part[:3].split(1)), GraphFold("x", 0, *part[1:].split(1))
    assert first.hash != second.hash


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Two folds of six graphs in the published layout."""
    monkeypatch.setitem(folds._PUBLISHED, "ENZYMES", ("CHEMICAL/ENZYMES", 6))
    content = [
        {"test": [0, 1, 2], "model_selection": [{"train": [3, 4], "validation": [5]}]},
        {"test": [3, 4, 5], "model_selection": [{"train": [2, 1], "validation": [0]}]},
    ]
    path = tmp_path / "tu_splits_gnncomparison" / "ENZYMES_splits.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    return path


def test_reads_the_published_layout(tiny, tmp_path):
    first, second = published_folds("ENZYMES", tmp_path)
    assert (first.train.tolist(), first.val.tolist(), first.test.tolist()) == (
        [3, 4],
        [5],
        [0, 1, 2],
    )
    assert (second.name, second.index, second.sizes) == ("gnn-comparison", 1, (2, 1, 3))


@pytest.mark.parametrize("harm", ["cut", "double", "key"])
def test_altered_files_are_refused(tiny, tmp_path, harm):
    content = json.loads(tiny.read_text())
    if harm == "cut":
        tiny.write_text(tiny.read_text()[:-9])
    elif harm == "double":
        content[1]["test"] = [0, 1, 2]
        content[1]["model_selection"][0] = {"train": [3, 4], "validation": [5]}
        tiny.write_text(json.dumps(content))
    else:
        del content[0]["test"]
        tiny.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="cut short or altered"):
        published_folds("ENZYMES", tmp_path)


def test_unreachable_and_unknown(monkeypatch, tmp_path):
    def refuse(url, seconds):
        raise ConnectionError("no route")

    monkeypatch.setattr(folds, "check_reachable", refuse)
    with pytest.raises(DatasetError, match=r"ENZYMES_splits.json is absent .*no route"):
        published_folds("ENZYMES", tmp_path)
    with pytest.raises(ValueError, match="PROTEINS"):
        published_folds("PROTEIN", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("dataset", ["ENZYMES", "PROTEINS", "IMDB-BINARY", "NCI1"])
def test_the_real_files(dataset, data_root):
    if not (data_root / "tu_splits_gnncomparison").is_dir():
        pytest.skip("the published folds are not there")
    made = published_folds(dataset, data_root)
    total = folds._PUBLISHED[dataset][1]
    assert len(made) == 10
    for fold in made:
        assert sum(fold.sizes) == total
        assert abs(fold.sizes[2] - total / 10) <= 6
        assert abs(fold.sizes[1] - 0.09 * total) <= 2
