from __future__ import annotations

import json

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe
from tests.models.test_molecule_gnn import molecule
from tests.ops.test_enumerate_paths import edges
from tests.stand_in import on_graphs

PUBLISHED = {
    "pathnn-single/enzymes": (1, 73.0, 5.2),
    "pathnn-single/proteins": (1, 75.2, 3.9),
    "pathnn-single/imdb-binary": (1, 72.6, 3.3),
    "pathnn-shortest/ogbg-molhiv": (2, 0.7917, 0.0109),
}


@pytest.fixture
def graphs(stand_in):
    """Hexagons and pairs of triangles."""
    made = []
    for i in range(40):
        graph = nx.cycle_graph(6) if i % 2 else nx.disjoint_union(*[nx.cycle_graph(3)] * 2)
        made.append(Data(x=torch.ones(6, 1), edge_index=edges(graph), y=torch.tensor([i % 2])))
    for name in ("ENZYMES", "CSL", "EXP", "CEXP"):
        stand_in(name, on_graphs(made))
    return made


def test_paths_of_length_2_classify_what_message_passing_cannot(graphs, tmp_path):
    changes = {"split": "stratified", "epochs": 30, "hidden_channels": 8, "dropout": 0, "lr": 0.01}
    outcome = run_recipe("pathnn-shortest/enzymes", seeds=1, out=tmp_path, overrides=changes)
    assert outcome.experiments["PathNN"].mean == 1.0


@pytest.mark.parametrize("name", ["pathnn-single/csl", "pathnn-simple/cexp", "pathnn-shortest/exp"])
def test_synthetic_recipes_run(name, graphs, tmp_path):
    changes = {"epochs": 2, "hidden_channels": 4, "K": 2}
    outcome = run_recipe(name, seeds=1, out=tmp_path, overrides=changes)
    results = json.loads(outcome.results.read_text())
    test = 8 if name.endswith("csl") else 4
    assert results["models"]["PathNN"]["seeds"][0]["task"]["sizes"]["test"] == test


def test_molecules(stand_in, tmp_path):
    graphs = []
    for seed in range(20):
        graph = molecule(seed, 3 + seed % 4)
        graph.y = torch.tensor([[seed % 2]])
        graphs.append(graph)
    stand_in("ogbg-molhiv", on_graphs(graphs, num_outputs=1, categories="ogb"))
    changes = {"epochs": 2, "hidden_channels": 4, "batch_size": 4, "num_splits": 1}
    outcome = run_recipe("pathnn-simple/ogbg-molhiv", seeds=1, out=tmp_path, overrides=changes)
    assert 0 <= outcome.experiments["PathMolecule"].mean <= 1


@pytest.mark.parametrize(
    ("name", "outputs", "published"),
    [
        ("single/ogbg-molhiv", 1, 306_177),
        ("shortest/ogbg-molhiv", 1, 306_177),
        ("simple/ogbg-molhiv", 1, 372_097),
        ("single/peptides-func", 10, 510_090),
        ("shortest/peptides-func", 10, 510_090),
        ("simple/peptides-func", 10, 494_720),
        ("single/peptides-struct", 11, 469_163),
        ("shortest/peptides-struct", 11, 469_163),
        ("simple/peptides-struct", 11, 494_915),
    ],
)
def test_the_published_number_of_parameters(name, outputs, published):
    """Theirs has two biases in the LSTM, and a table of three positions that nothing reads."""
    settings = registry.get("recipe", f"pathnn-{name}").obj.settings
    model = settings.network(Inputs(in_channels=9, out_channels=outputs, level="graphs"))
    theirs = sum(p.numel() for p in model.parameters()) + (4 + 3) * settings.hidden_channels
    assert theirs == published


def test_figures_and_settings():
    for name, expected in PUBLISHED.items():
        recipe = registry.get("recipe", name).obj
        found = (recipe.settings.K, recipe.published.mean, recipe.published.interval)
        assert found == expected
    enzymes = registry.get("recipe", "pathnn-single/enzymes").obj
    assert (enzymes.protocol.epochs, enzymes.protocol.patience) == (500, 250)
    assert any("smallest node numbers" in note for note in enzymes.notes)


@pytest.mark.parametrize("name", ["enzymes", "csl", "exp", "cexp", "ogbg-molhiv"])
def test_the_last_of_equal_epochs_is_kept(name):
    for paths in ("single", "shortest", "simple"):
        assert registry.get("recipe", f"pathnn-{paths}/{name}").obj.protocol.ties == "last"


def test_rows_are_normalised_where_the_published_configuration_says_so():
    found = {
        (paths, name): registry.get("recipe", f"pathnn-{paths}/{name}").obj.settings.norm
        for name in ("csl", "exp", "cexp")
        for paths in ("single", "shortest", "simple")
    }
    plain = {("single", "csl"), ("shortest", "csl"), ("single", "cexp")}
    assert found == {key: None if key in plain else "rows" for key in found}
