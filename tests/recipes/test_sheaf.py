from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from graphpoly import registry
from graphpoly.data import csbm
from graphpoly.recipes import run_recipe
from tests.stand_in import StandIn, on_nodes

GRAPHS = ("texas", "wisconsin", "cornell", "chameleon", "squirrel", "citeseer", "cora")
FAMILIES = ("diagonal", "orthogonal", "general", "connection", "identity")


def published(name: str) -> Any:
    return registry.get("recipe", name).obj


@pytest.fixture
def graph(stand_in: StandIn) -> None:
    """Stand in for the dataset on disk."""
    data = csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)
    data.x = data.x.abs()
    part = torch.arange(60) % 5
    for name, chosen in (("train", part < 3), ("val", part == 3), ("test", part == 4)):
        data[f"{name}_mask"] = chosen.unsqueeze(1).expand(60, 10)

    stand_in("wisconsin", on_nodes(data))


def test_settings_are_those_of_the_published_scripts() -> None:
    texas, chameleon = published("sheaf-orthogonal/texas"), published("sheaf-diagonal/chameleon")
    settings = texas.settings
    assert (settings.maps, settings.stalk_dim, settings.num_layers) == ("householder", 3, 4)
    assert (settings.hidden_channels, settings.lr, settings.dropout) == (20, 0.02, 0.7)
    assert (settings.weight_decay, settings.sparse_learner) == (5e-3, True)
    assert settings.edge_strength  # the parser's default, which the script does not touch
    assert texas.notes == ()
    settings, protocol = chameleon.settings, chameleon.protocol
    assert (settings.maps, settings.stalk_dim, settings.num_layers) == ("diagonal", 4, 5)
    assert settings.weight_decay == 0.0002969905682317406
    assert settings.weight_decay_maps == 0.0012638885974822734
    assert (settings.input_dropout, settings.second_linear) == (0.7, True)
    # the script's low-pass coordinate has +1 in the Laplacian, which is a high-pass one
    assert (settings.add_lp, settings.add_hp) == (False, True)
    assert (protocol.split, protocol.num_splits, protocol.monitor) == ("geom-gcn", 10, "metric")
    assert (protocol.epochs, protocol.patience) == (1000, 100)
    squirrel = published("sheaf-orthogonal/squirrel")
    assert (squirrel.published.mean, squirrel.published.interval) == (56.34, 1.32)


def test_every_family_is_there_for_every_graph() -> None:
    for family in FAMILIES:
        for dataset in GRAPHS:
            recipe = published(f"sheaf-{family}/{dataset}")
            assert (recipe.published is None) == (family == "identity")
            assert recipe.reading.row_normalize


def test_orthogonal_maps_weigh_their_edges_and_no_others_do() -> None:
    """All scripts have it, those for other maps, too, where nothing reads it."""
    for family in FAMILIES:
        for dataset in GRAPHS:
            weighs = published(f"sheaf-{family}/{dataset}").settings.edge_strength
            assert weighs == (family == "orthogonal"), (family, dataset)


def test_settings_of_our_own_lie_within_the_published_sweep() -> None:
    for dataset in ("citeseer", "cora"):
        settings = published(f"sheaf-orthogonal/{dataset}").settings
        assert settings.stalk_dim in (2, 3, 4)
        assert settings.num_layers in range(2, 7)
        assert settings.hidden_channels in (8, 16, 32)
        assert settings.lr == 0.02
        assert -9.2 <= math.log(settings.weight_decay) <= -6.8
        assert -11.0 <= math.log(settings.weight_decay_maps) <= -6.8


def test_borrowed_settings_say_so() -> None:
    assert published("sheaf-general/texas").notes == (
        "the published script of this graph is for orthogonal maps",
    )
    assert "within the published sweep" in published("sheaf-diagonal/cora").notes[0]


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize("family", FAMILIES)
def test_runs(family: str, tmp_path: Path) -> None:
    recipe = published(f"sheaf-{family}/wisconsin").override({"epochs": 2, "hidden_channels": 4})
    outcome = run_recipe(recipe, seeds=(0,), out=tmp_path, progress=None)
    (experiment,) = outcome.experiments.values()
    assert 0 <= experiment.mean <= 100
