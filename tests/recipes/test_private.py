from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphpoly.data import Dataset, Loaded, Reading, csbm, find_dataset
from graphpoly.data.entries.nodes import node_problem
from graphpoly.models.settings import model_names
from graphpoly.privacy import PrivacySettings
from graphpoly.recipes import Recipe, recipe_for, run_recipe
from graphpoly.recipes.ad_hoc import recipe_of

# those that read no farther than two edges, with two layers or hops of each
TRAINED = {
    "BernNet",
    "ChebNetII",
    "FavardGNN",
    "GAT",
    "GCN",
    "GCNII",
    "GCORN",
    "GPRGNN",
    "GSPN",
    "JacobiGNN",
    "LASERGNN",
    "LegendreNet",
    "MLP",
    "MPNN",
    "SAGE",
    "SGC",
    "TFGNN",
}
QUICK = ("FavardGNN", "GCN", "GIN", "LINKX", "MLP", "OptBasisGNN", "Polynormer")
SMALL = {"hidden_channels": 8, "num_layers": 2, "K": 2, "heads": 2, "num_splits": 1}


def nodes() -> Dataset:
    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        return node_problem(csbm(40, 6.0, 7, phi=0.5, epsilon=1.0, seed=0))

    return Dataset(
        name="tiny-private",
        title="a test",
        task="nodes",
        metric="accuracy",
        loss="ce",
        splits=("stratified",),
        load=load,
        source="a test",
    )


def private(model: str, **changes: object) -> Recipe:
    recipe = recipe_for(model, nodes())
    known = {key: value for key, value in SMALL.items() if key in recipe.keys}
    return recipe.override({**known, "epsilon": 8, "epochs": 1, "batch_size": 4, **changes})


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in model_names()],
)
def test_every_model_is_trained_or_refused_in_a_line(name: str, tmp_path: Path) -> None:
    recipe = private(name)
    if name in TRAINED:
        outcome = run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
        (run,) = json.loads(outcome.results.read_text())["models"][name]["seeds"]
        assert 7.9 < run["privacy"]["epsilon"] <= 8
        assert run["privacy"]["num_hops"] == (0 if name == "MLP" else 2)
        return
    with pytest.raises(ValueError, match=r"^(epsilon|model|dataset): "):
        run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")


def test_a_run_records_what_it_spent_and_is_found_again(tmp_path: Path) -> None:
    recipe = private("SAGE", max_degree="3", clip="0.5,1", num_layers=1, decay=0.5)
    with pytest.raises(ValueError, match="clip: got 2 numbers, expected 1 or 3"):
        run_recipe(recipe, out=tmp_path / "a", seeds=1, device="cpu")
    recipe = recipe.override({"clip": "0.5"})
    assert recipe.privacy == PrivacySettings(epsilon=8.0, max_degree=3, clip=(0.5,))
    assert "privacy" in recipe.overridden
    outcome = run_recipe(recipe, out=tmp_path / "b", seeds=2, device="cpu")
    assert any("epsilon=8" in message for message in outcome.messages)
    found = json.loads(outcome.results.read_text())
    assert found["privacy"]["max_degree"] == 3
    for run in found["models"]["SAGE"]["seeds"]:
        assert run["privacy"]["clip"] == [0.5] * 3
        assert run["privacy"]["sensitivity"] == 8
        assert run["privacy"]["steps"] == 6  # 24 training nodes, 4 a step
    again = run_recipe(recipe, out=tmp_path / "b", seeds=2, device="cpu", resume=True)
    assert json.loads(again.results.read_text())["models"] == found["models"]


def test_the_same_is_found_in_a_folder(tmp_path: Path) -> None:
    recipe = (
        recipe_for("SAGE", "csbm")
        .override(
            {
                "num_nodes": 60,
                "num_features": 8,
                "privacy.epsilon": 4,
                "clip": "0.5,1,2",
                "epochs": 1,
            }
        )
        .override({"num_layers": 1})
    )
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    found, _ = recipe_of(tmp_path)
    assert found.privacy == recipe.privacy == PrivacySettings(epsilon=4.0, clip=(0.5, 1.0, 2.0))


def test_epsilon_makes_a_training_private_and_none_undoes_it() -> None:
    recipe = recipe_for("GCN", "cora")
    assert recipe.privacy is None
    assert "privacy" not in recipe.to_dict()
    held = recipe.override({"epsilon": "3", "delta": "1e-6"})
    assert held.privacy == PrivacySettings(epsilon=3.0, delta=1e-6)
    assert held.override({"max_degree": 2}).privacy == PrivacySettings(
        epsilon=3.0, delta=1e-6, max_degree=2
    )
    assert held.override({"epsilon": "none"}).privacy is None
    assert {"epsilon", "max_degree"} <= set(held.keys) - set(recipe.keys)


def test_an_epsilon_of_the_data_stays_the_data_s() -> None:
    recipe = recipe_for("GCN", "csbm")
    changed = recipe.override({"epsilon": 1.5})
    assert changed.privacy is None
    assert changed.reading.epsilon == 1.5  # type: ignore[attr-defined]
    held = changed.override({"privacy.epsilon": 2.0})
    assert held.privacy == PrivacySettings(epsilon=2.0)
    assert held.override({"epsilon": 2.5}).reading.epsilon == 2.5  # type: ignore[attr-defined]
    assert held.override({"epsilon": 2.5}).privacy == PrivacySettings(epsilon=2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_degree": 3}, "max_degree: nothing is private here; give epsilon=NUMBER, too"),
        ({"privacy.delta": 0.1}, "nothing is private; give epsilon=NUMBER, too"),
        ({"epsilon": "much"}, "epsilon: got 'much'"),
        ({"epsilon": 1, "clip": "0"}, "clip: got"),
        ({"epsilon": 1, "rewire": "fosr"}, "epsilon: the account is of training on the graph"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipe_for("GCN", "cora").override(changes)


def test_only_nodes_have_an_account() -> None:
    graphs = next(name for name in ("MUTAG", "PROTEINS") if find_dataset(name).task == "graphs")
    with pytest.raises(ValueError, match="the labels of nodes alone"):
        recipe_for("GCN", graphs).override({"epsilon": 1})
