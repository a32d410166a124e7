"""What a file holds of labels, parts and types of numbers is what is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data import DatasetError, Reading, dataset_from, own
from graphpoly.models.settings import settings_of
from graphpoly.recipes import recipe_for, run_recipe
from tests.data.test_own import load, ring, saved

NAN = float("nan")


def some_unknown(y: Tensor) -> Tensor:
    """Labels of which two thirds are not known, whole rows of them."""
    return torch.where((torch.arange(len(y)) % 3 == 0).view(-1, *[1] * (y.dim() - 1)), y, NAN)


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 4)])
def test_nodes_without_a_label_are_in_no_part(shape: tuple[int, ...], tmp_path: Path) -> None:
    y = some_unknown((torch.arange(30) * 7 % 4 > 1).float().view(-1, 1).expand(30, 4))
    y = y[:, : shape[-1]].reshape(shape) if len(shape) > 1 else y[:, 0].contiguous()
    entry, loaded = load(saved(tmp_path / "mine.pt", ring(y=y)))
    assert entry.splits == ("random",)
    for seed in range(5):
        division = loaded.split("random", seed)
        parts = torch.stack([division.train_mask, division.val_mask, division.test_mask])
        assert parts.sum(1).tolist() == [6, 2, 2]
        assert torch.equal(parts.any(0), torch.arange(30) % 3 == 0)


def test_a_row_counts_where_one_of_its_labels_is_known(tmp_path: Path) -> None:
    y = torch.rand(30, 2)
    y[::2, 0], y[::3, 1] = NAN, NAN
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=y)))
    division = loaded.split("random", 0)
    seen = division.train_mask | division.val_mask | division.test_mask
    assert torch.equal(seen, torch.arange(30) % 6 != 0)
    assert torch.equal(loaded.known, seen)
    assert load(saved(tmp_path / "all.pt", ring(y=torch.rand(30))))[1].known is None


def test_stored_masks_leave_out_what_has_no_label(tmp_path: Path) -> None:
    masks = {f"{p}_mask": torch.arange(30) % 5 == i for i, p in enumerate(("train", "val", "test"))}
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=some_unknown(torch.rand(30)), **masks)))
    division = loaded.split("public", 0)
    for part, mask in masks.items():
        assert torch.equal(getattr(division, part), mask & (torch.arange(30) % 3 == 0))


@pytest.mark.parametrize("columns", [1, 3])
def test_graphs_without_a_label_are_in_no_part(columns: int, tmp_path: Path) -> None:
    y = some_unknown(torch.rand(30, columns))
    entry, loaded = load(saved(tmp_path / "mine.pt", [ring(5, y=row.view(1, -1)) for row in y]))
    assert entry.loss == "l1"
    for seed in range(5):
        fold = loaded.split("random", seed)
        assert fold.sizes == (6, 2, 2)
        together = torch.cat([fold.train, fold.val, fold.test])
        assert torch.equal(together.sort().values, torch.arange(0, 30, 3))


@pytest.mark.parametrize("kind", ["pt", "npz"])
@pytest.mark.parametrize(
    "names", ["train_idx val_idx test_idx", "train_index valid_idx test_index"]
)
@pytest.mark.parametrize("y", [torch.arange(30) % 2, torch.rand(30)])
def test_lists_of_nodes_are_parts(y: Tensor, names: str, kind: str, tmp_path: Path) -> None:
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    lists = dict(zip(names.split(), order.split([20, 4, 6]), strict=True))
    data, path = ring(y=y, **lists), tmp_path / f"mine.{kind}"
    if kind == "pt":
        torch.save(data, path)
    else:
        np.savez(path, **{key: value.numpy() for key, value in data.to_dict().items()})
    entry, loaded = load(str(path))
    assert entry.splits[0] == "public"
    division = loaded.split("public", 0)
    masks = (division.train_mask, division.val_mask, division.test_mask)
    for rows, mask in zip(lists.values(), masks, strict=True):
        assert torch.equal(mask.nonzero().view(-1), rows.sort().values)


@pytest.mark.parametrize("val", ["val", "valid"])
def test_the_parts_of_ogb_are_parts(val: str, tmp_path: Path) -> None:
    lists = {"train": torch.arange(20), val: torch.arange(20, 24), "test": torch.arange(24, 30)}
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 2, split_idx=lists)))
    division = loaded.split("public", 0)
    for rows, part in zip(lists.values(), ("train", "val", "test"), strict=True):
        assert torch.equal(getattr(division, f"{part}_mask").nonzero().view(-1), rows)


@pytest.mark.parametrize("form", [Tensor.tolist, Tensor.numpy, Tensor.byte])
def test_masks_of_any_form_are_parts(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {f"{part}_mask": torch.arange(30) % 3 == i for i, part in enumerate(own.PARTS)}
    data = ring(y=torch.arange(30) % 2, **{name: form(mask) for name, mask in parts.items()})
    monkeypatch.setattr(own, "_made", lambda source: data)
    entry, loaded = load("mine:made")
    assert entry.splits[0] == "public"
    division = loaded.split("public", 0)
    for name, mask in parts.items():
        assert torch.equal(getattr(division, name), mask)


def test_two_lists_of_one_part_are_one(tmp_path: Path) -> None:
    lists = {"train_idx": [1, 2], "val_idx": [5, 4], "valid_idx": [4, 5], "test_idx": [6, 7]}
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 2, **lists)))
    assert loaded.split("public", 0).val_mask.nonzero().view(-1).tolist() == [4, 5]
    for other in ({"valid_index": [4]}, {"split_idx": {"valid": torch.tensor([8])}}):
        data = ring(y=torch.arange(30) % 2, **lists, **other)
        with pytest.raises(DatasetError, match="another list has other nodes of val"):
            dataset_from(saved(tmp_path / "mine.pt", data))


def test_a_mask_comes_before_a_list_and_lists_may_not_lack_one(tmp_path: Path) -> None:
    mask = torch.arange(30) < 3
    lists = {"train_mask": mask, "train_idx": [9], "val_idx": [5], "test_idx": [6, 7]}
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 2, **lists)))
    assert torch.equal(loaded.split("public", 0).train_mask, mask)
    del lists["val_idx"]
    _, loaded = load(saved(tmp_path / "mine.pt", ring(y=torch.arange(30) % 2, **lists)))
    with pytest.raises(ValueError, match=r"data has no val_mask.*give all three"):
        loaded.split("public", 0)


@pytest.mark.parametrize("rows", [[0, 30], [-1], [0.5], [[1]], [True] * 30])
def test_lists_that_name_no_nodes_are_refused(rows: Any, tmp_path: Path) -> None:
    data = ring(y=torch.arange(30) % 2, train_idx=torch.tensor(rows))
    with pytest.raises(DatasetError, match=r"train_idx: got .*, expected numbers of nodes from 0"):
        dataset_from(saved(tmp_path / "mine.pt", data))


@pytest.mark.parametrize("form", [Tensor.tolist, Tensor.numpy])
@pytest.mark.parametrize("left_out", [(), ("x",), ("x", "pos")])
def test_arrays_and_lists_are_read_as_tensors_are(
    form: Any, left_out: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last nodes have no edge."""
    ahead = torch.stack([torch.arange(9), torch.arange(1, 10)])
    held = {
        "x": torch.rand(12, 2),
        "pos": torch.rand(12, 3),
        "edge_index": ahead,
        "edge_weight": torch.rand(9),
        "edge_attr": torch.rand(9, 2),
        "edge_type": torch.arange(9) % 2,
        "y": torch.arange(12) % 2,
        **{f"{part}_mask": torch.arange(12) % 3 == i for i, part in enumerate(own.PARTS)},
    }
    held = {name: value for name, value in held.items() if name not in left_out}
    found = []
    for made in (held, {name: form(value) for name, value in held.items()}):
        monkeypatch.setattr(own, "_made", lambda source, made=made: dict(made))
        found.append(load("mine:made")[1].data)
    assert found[0].num_nodes == found[1].num_nodes == 12
    assert found[0].keys() == found[1].keys()
    for name in held:
        assert found[0][name].dtype == found[1][name].dtype, name
        assert torch.equal(found[0][name], found[1][name]), name


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_positions_have_the_precision_of_features(precision: Any, tmp_path: Path) -> None:
    for other in (torch.float32, torch.float64):
        data = ring(9, pos=torch.rand(9, 3).to(other))
        data.x = data.x.to(precision)
        assert load(saved(tmp_path / "mine.pt", data))[1].data.pos.dtype is precision


@pytest.mark.parametrize("change", ["bytes", "rows", "columns"])
def test_arrays_of_any_layout_are_read(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other machines, and those that are views of others, which torch does not take."""
    made = {
        "x": np.arange(40.0).reshape(10, 4),
        "edge_index": np.stack([np.arange(10), (np.arange(10) + 1) % 10]),
        "edge_attr": np.arange(20.0).reshape(10, 2),
        "y": np.arange(10) % 2,
    }

    def other(value: np.ndarray) -> np.ndarray:
        if change == "bytes":
            return value.astype(value.dtype.newbyteorder())
        axis = 0 if change == "rows" else -1
        return np.flip(np.ascontiguousarray(np.flip(value, axis)), axis)

    monkeypatch.setattr(own, "_made", lambda source: {k: other(v) for k, v in made.items()})
    data = dataset_from("mine:made").load(None, Reading(directed=True), 0).data
    for name, value in made.items():
        assert np.array_equal(data[name].numpy(), value), name


def of(task: str, x: torch.dtype, attr: torch.dtype) -> Any:
    """Data whose features of nodes and of edges have these types."""

    def one(size: int, **further: Any) -> Data:
        data = ring(size, **further)
        data.x = data.x.to(x)
        data.edge_attr = torch.rand(size, 2).to(attr)
        return data

    if task == "graphs":
        return [one(5 + i % 3, y=torch.tensor([i % 2])) for i in range(30)]
    return one(40, y=torch.arange(40) % 2) if task == "nodes" else one(60)


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
@pytest.mark.parametrize(
    ("x", "attr"),
    [
        (torch.float64, torch.float64),
        (torch.float64, torch.float32),
        (torch.float32, torch.float64),
        (torch.float16, torch.bfloat16),
    ],
)
def test_numbers_of_any_precision_are_trained_on(
    x: torch.dtype, attr: torch.dtype, task: str, tmp_path: Path
) -> None:
    source = saved(tmp_path / "mine.pt", of(task, x, attr))
    wanted = torch.float64 if x == torch.float64 else torch.float32
    loaded = dataset_from(source).load(None, Reading(), 0)
    for data in [loaded.data] if loaded.graphs is None else loaded.graphs:
        assert data.x.dtype == data.edge_attr.dtype == wanted
    for model in ("GCN", "MPNN", "NCN") if task == "links" else ("GCN", "MPNN"):
        recipe = recipe_for(model, source).override({"epochs": 1, "hidden_channels": 8})
        outcome = run_recipe(recipe, seeds=1, out=tmp_path / model)
        (run,) = outcome.experiments[settings_of(model)[0]].runs.values()
        assert 0 <= run.test <= 1


def test_graphs_of_two_precisions_are_one_list(tmp_path: Path) -> None:
    graphs = of("graphs", torch.float32, torch.float64)
    graphs[3].x = graphs[3].x.double()
    loaded = dataset_from(saved(tmp_path / "mine.pt", graphs)).load(None, Reading(), 0)
    assert {graph.x.dtype for graph in loaded.graphs} == {torch.float64}
    assert {graph.edge_attr.dtype for graph in loaded.graphs} == {torch.float64}
