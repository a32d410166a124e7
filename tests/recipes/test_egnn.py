from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graphpoly import registry
from graphpoly.data import find_dataset, n_body
from graphpoly.models import EGNN
from graphpoly.models.network_for import network_for
from graphpoly.recipes import recipe_for, run_recipe

SMALL = {"train": 40, "val": 10, "test": 10, "first": 1, "last": 2, "hidden_channels": 8}


def test_settings_are_the_published_ones() -> None:
    recipe = registry.get("recipe", "egnn/n-body").obj
    settings, protocol, reading = recipe.settings, recipe.protocol, recipe.reading
    assert (settings.num_layers, settings.hidden_channels) == (4, 64)
    assert (settings.lr, settings.weight_decay) == (5e-4, 1e-12)
    assert (settings.velocity, settings.update_velocity) == (True, False)
    assert (protocol.batch_size, protocol.epochs) == (100, 10000)
    assert (reading.train, reading.val, reading.test) == (3000, 2000, 2000)
    assert (reading.first, reading.last, reading.num_particles) == (30, 40, 5)
    assert (recipe.metric, recipe.published.mean, recipe.published.unit) == ("mse", 0.0071, "")


def test_each_part_begins_where_the_published_one_does() -> None:
    """Of its training systems fewer may be taken; those that validate and test stay the same."""
    changes = {**SMALL, "train": 2, "val": 1, "test": 1}
    reading = registry.get("recipe", "egnn/n-body").obj.override(changes).reading
    found = find_dataset("n-body").load(None, reading, 0).graphs
    assert found is not None
    expected = [*n_body(2, first=1, last=2)]
    expected += [n_body(1, first=1, last=2, skip=skip)[0] for skip in (10_000, 12_000)]
    assert all(torch.equal(one.pos, other.pos) for one, other in zip(found, expected, strict=True))


def test_it_learns_more_than_to_stay_or_to_go_straight_on(tmp_path: Path) -> None:
    changes = {**SMALL, "epochs": 60, "lr": 5e-3, "batch_size": 10}
    outcome = run_recipe("egnn/n-body", out=tmp_path, seeds=1, overrides=changes)
    results = json.loads(outcome.results.read_text())
    assert results["metric"] == "mse"
    entry = find_dataset("n-body")
    reading = registry.get("recipe", "egnn/n-body").obj.override(SMALL).reading
    loaded = entry.load(None, reading, 0)
    fold = loaded.split("n-body", 0)
    assert [len(part) for part in (fold.train, fold.val, fold.test)] == [40, 10, 10]
    tests = [loaded.graphs[i] for i in fold.test.tolist()]
    stay = torch.cat([data.y - data.pos for data in tests]).square().mean()
    on = torch.cat([data.y - data.pos - 0.1 * data.vel for data in tests]).square().mean()
    mean = outcome.experiments["EGNN"].mean
    assert mean < 0.5 * float(stay)
    assert mean < 2 * float(on)


@pytest.mark.parametrize(
    "changes", [{"edge_dim": None}, {"velocity": False, "update_velocity": True}]
)
def test_what_is_not_read_is_left_out(changes: dict[str, object], tmp_path: Path) -> None:
    changes = {**SMALL, **changes, "epochs": 1}
    outcome = run_recipe("egnn/n-body", out=tmp_path, seeds=1, overrides=changes)
    assert outcome.experiments["EGNN"].mean > 0


def test_other_models_and_other_datasets_are_refused() -> None:
    particles = find_dataset("n-body")
    loaded = particles.load(None, recipe_for("EGNN", "n-body").override(SMALL).reading, 0)
    network = network_for(recipe_for("EGNN", "n-body").settings, particles, loaded, None)
    assert isinstance(network, EGNN)
    assert network.out_channels is None
    with pytest.raises(ValueError, match="n-body asks for positions, which this model does not"):
        network_for(recipe_for("GCN", "n-body").settings, particles, loaded, None)
    with pytest.raises(ValueError, match="cycles has no positions, which this model reads"):
        network_for(recipe_for("EGNN", "cycles").settings, find_dataset("cycles"), loaded, None)
