"""What can be set of the way in which a dataset is read is what its loader looks at."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import LinkReading, Reading, dataset_from, find_dataset
from graphpoly.data.entries import links, nodes
from graphpoly.recipes import recipe_for, recipe_of, run_recipe
from graphpoly.studies import make_card, render_card
from graphpoly.training import LinkTask
from tests.data.test_own import saved

ENTRIES = {entry.name: entry.obj for entry in registry.entries("dataset")}
OF_A_READING = [name for name, entry in ENTRIES.items() if isinstance(entry.reading, Reading)]
OF_LINKS = [name for name, entry in ENTRIES.items() if isinstance(entry.reading, LinkReading)]


@pytest.mark.parametrize("name", [*OF_A_READING, "mine.pt"])
def test_what_can_be_set_of_a_reading_has_an_effect(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 4]])
    data = Data(x=torch.arange(10.0).view(5, 2), edge_index=ahead, y=torch.arange(5) % 2)
    parts = {part: torch.tensor([place]) for place, part in enumerate(("train", "valid", "test"))}
    for module in (nodes, links):
        monkeypatch.setattr(module, "load_node_data", lambda *_, **__: data.clone())
    monkeypatch.setattr(nodes, "labelled_nodes", lambda *_: None)
    for of_ogb in ("node_twin", "load_ogb_node"):
        monkeypatch.setattr(nodes, of_ogb, lambda *_: ([data.clone()], parts))
    entry = ENTRIES.get(name) or dataset_from(saved(tmp_path / name, data))
    plain = entry.load(None, Reading(), 0).data
    assert plain.edge_index.size(1) == 8
    assert entry.load(None, Reading(directed=True), 0).data.edge_index.size(1) == 4
    assert entry.load(None, Reading(self_loops=True), 0).data.edge_index.size(1) == 9
    scaled = entry.load(None, Reading(row_normalize=True), 0).data
    assert not torch.equal(scaled.x, plain.x)


@pytest.mark.parametrize("name", [*OF_LINKS, "mine.pt"])
def test_what_can_be_set_of_links_reaches_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    pairs = torch.cat([torch.randint(30, (2, 200)), torch.tensor([[3], [3]])], 1)
    data = Data(x=torch.arange(60.0).view(30, 2), edge_index=pairs)
    monkeypatch.setattr(links, "load_node_data", lambda *_, **__: data.clone())
    entry = ENTRIES.get(name) or dataset_from(saved(tmp_path / name, data))
    usual, seen = dataclasses.asdict(entry.reading), []
    for changed in (None, *usual):
        reading = type(entry.reading)(**{key: v != (key == changed) for key, v in usual.items()})
        loaded = entry.load(None, reading, 0)
        seen.append(LinkTask(loaded.data, loaded.split("random", 0)).describe())
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])
    recipe = recipe_for("GCN", str(tmp_path / name) if name == "mine.pt" else name)
    for key in ("directed", "self_loops"):
        with pytest.raises(ValueError, match=f"unknown key of .* '{key}'"):
            recipe.override({key: True})
        assert key not in recipe.to_dict()["reading"]


@pytest.mark.parametrize("name", sorted({*ENTRIES} - {*OF_A_READING} - {*OF_LINKS}))
def test_what_is_read_as_it_is_takes_no_reading(name: str) -> None:
    held = {each.name for each in dataclasses.fields(ENTRIES[name].reading)}
    assert not held & {each.name for each in dataclasses.fields(Reading)}


def test_directions_of_many_graphs_cannot_be_set(tmp_path: Path) -> None:
    """Nothing turned the edges of many graphs, whatever the results said of their directions."""
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    graphs = [Data(x=torch.rand(3, 2), edge_index=ring, y=torch.tensor([i % 2])) for i in range(20)]
    source = saved(tmp_path / "mine.pt", graphs)
    for dataset in (source, "MUTAG", "ogbg-molhiv", "csbm", "bfs", "ogbl-ddi"):
        recipe = recipe_for("AlgorithmNet" if dataset == "bfs" else "GCN", dataset)
        for key in ("directed", "self_loops", "row_normalize"):
            with pytest.raises(ValueError, match=f"unknown key of .* '{key}'"):
                recipe.override({key: True})
    outcome = run_recipe(
        recipe_for("GCN", source).override({"epochs": 1}), seeds=1, out=tmp_path / "run"
    )
    held = json.loads(outcome.results.read_text())
    assert held["reading"] == {}
    assert "reading" not in render_card(make_card(outcome.results)).lower()
    held["reading"] = {"directed": False, "self_loops": False}  # as runs had it before
    outcome.results.write_text(json.dumps(held))
    assert recipe_of(tmp_path / "run")[0].given == source


@pytest.mark.parametrize("name", ENTRIES)
def test_names_are_found_in_any_case(name: str) -> None:
    for typed in (name, name.lower(), name.upper()):
        assert find_dataset(typed) is ENTRIES[name]
