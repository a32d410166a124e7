from __future__ import annotations

import dataclasses
import json

import pytest

from graphpoly import registry
from graphpoly.models.settings import model_names, settings_of
from graphpoly.recipes import Protocol, Recipe
from graphpoly.settings import describe

RECIPES = {entry.name: entry for entry in registry.entries("recipe")}


def test_every_recipe_of_this_version_is_registered() -> None:
    datasets = ("actor", "chameleon", "citeseer", "pubmed", "squirrel")
    expected = {f"{family}/{name}" for family in ("favard", "optbasis") for name in datasets}
    assert expected | {"demo", "gcn/ogbg-molhiv", "gin/ogbg-molhiv"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_plain_values_and_says_where_it_comes_from(name: str) -> None:
    entry = RECIPES[name]
    assert isinstance(entry.obj, Recipe)
    assert entry.obj.name == name
    written = json.loads(json.dumps(entry.obj.to_dict()))
    assert written["dataset"] == entry.obj.data.name
    assert written["protocol"]["epochs"] == entry.obj.protocol.epochs
    assert entry.paper
    assert entry.arxiv
    published = entry.obj.published
    if published is not None:
        assert published.interval is None or published.interval > 0
        assert published.source
    elif name not in ("demo", "csbm-sweep"):  # generated graphs
        assert any("published" in note for note in entry.obj.notes)


def test_settings_and_protocol_are_overridden_by_one_list_of_keys() -> None:
    recipe = RECIPES["favard/citeseer"].obj
    changed = recipe.override({"K": "3", "epochs": "5", "lr_basis": 0.5})
    assert (changed.settings.K, changed.protocol.epochs, changed.settings.lr_basis) == (3, 5, 0.5)
    assert changed.published == recipe.published
    assert (recipe.settings.K, recipe.protocol.epochs) == (8, 2000)
    assert changed.overridden == ("K", "epochs", "lr_basis")
    again = changed.override({"K": 4, "dropout": 0.7})
    assert again.overridden == ("K", "epochs", "lr_basis")  # 0.7 is what it was
    assert recipe.override({"K": "8"}).overridden == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 5}, "unknown key of optbasis/actor 'epoch'; did you mean 'epochs'?"),
        ({"epochs": "0"}, "epochs: got '0', expected an integer of at least 1"),
        ({"split": "publik"}, "unknown split 'publik'; did you mean 'public'?"),
        # only Favard learns its basis
        ({"lr_basis": "1"}, "unknown key of optbasis/actor 'lr_basis'"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        RECIPES["optbasis/actor"].obj.override(changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("family", ["tfgnn", "grafenne"])
def test_what_is_drawn_without_regard_to_classes_loses_none(family: str) -> None:
    """The published code permutes all nodes; the split "dense" leaves small classes no test."""
    for name in ("cora", "citeseer", "pubmed"):
        assert RECIPES[f"{family}/{name}"].obj.protocol.split == "stratified"


def test_ogb_trains_as_long_as_its_scripts_do() -> None:
    epochs = {"ogbn-arxiv": 500, "ogbn-products": 300, "ogbn-proteins": 1000, "ogbn-mag": 100}
    epochs |= {"ogbl-collab": 400, "ogbl-ppa": 20, "ogbl-ddi": 200, "ogbl-citation2": 50}
    for name, expected in epochs.items():
        for model in ("gcn", "sage"):
            assert RECIPES[f"{model}/{name}"].obj.protocol.epochs == expected, (model, name)


def test_ogb_has_its_own_split_only() -> None:
    with pytest.raises(ValueError, match="unknown split 'dense'"):
        RECIPES["gin/ogbg-molhiv"].obj.override({"split": "dense"})


def test_a_key_belongs_to_one_part() -> None:
    recipe = RECIPES["demo"].obj
    with pytest.raises(AssertionError, match="set in two places"):
        dataclasses.replace(recipe, settings=Protocol(split="dense", num_splits=1, epochs=1))


def test_the_keys_of_the_reading_are_overridden_too() -> None:
    changed = RECIPES["gprgnn/actor"].obj.override({"directed": "false"})
    assert not changed.reading.directed
    assert changed.overridden == ("directed",)


@pytest.mark.parametrize("name", model_names())
def test_every_setting_has_a_meaning_and_a_default(name: str) -> None:
    for row in describe(settings_of(name)[1]):
        assert row.meaning, row.name
        assert not row.required, row.name


def test_every_model_has_settings() -> None:
    around_another = {"NeuralSnowflake", "PRMPNN"}  # wrap the network that they are given
    for kind in ("model", "baseline"):
        named = {entry.name for entry in registry.entries(kind)}
        assert named - around_another <= set(model_names())
