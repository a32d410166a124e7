from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import from_networkx

from graphpoly import registry
from graphpoly.expressivity import csl_family, rook_graph, shrikhande_graph
from graphpoly.recipes import run_recipe, tasks
from tests.stand_in import alone, on_graphs

SMALL = {"epochs": 2, "hidden_channels": 4, "num_layers": 2}


@pytest.fixture
def graphs(stand_in):
    """Hexagons and pairs of triangles."""
    made = []
    for i in range(40):
        graph = nx.cycle_graph(6) if i % 2 else nx.disjoint_union(*[nx.cycle_graph(3)] * 2)
        edge_index = from_networkx(graph).edge_index
        made.append(Data(x=torch.ones(6, 1), edge_index=edge_index, y=torch.tensor([i % 2])))
    for name in ("MUTAG", "PROTEINS", "CSL", "EXP"):
        stand_in(name, on_graphs(made))
    return made


@pytest.mark.parametrize("name", ["ppgn/mutag", "ppgn-plus-plus/exp"])
def test_classifies_what_message_passing_cannot(name, graphs, tmp_path):
    changes = {"split": "stratified", "epochs": 10, "hidden_channels": 8, "lr": 0.01}
    changes["batch_size"] = 4
    outcome = run_recipe(name, seeds=1, out=tmp_path, overrides=changes)
    (experiment,) = outcome.experiments.values()
    assert experiment.mean == 1.0


@pytest.mark.parametrize("name", ["ppgn/proteins", "ppgn/csl"])
def test_recipes_run(name, graphs, tmp_path):
    changes = {**SMALL, "split": "stratified"}
    outcome = run_recipe(name, seeds=1, out=tmp_path, overrides=changes)
    assert 0 <= outcome.experiments["PPGN"].mean <= 1


@pytest.mark.parametrize(("name", "model"), [("ppgn", "PPGN"), ("ppgn-plus-plus", "PPGNPlusPlus")])
def test_untrained(name, model, stand_in, monkeypatch, tmp_path):
    def loaded(family):
        for data in family:
            data.x = torch.ones(data.num_nodes, 1)
        return alone(graphs=family)

    stand_in("sr16622", loaded([rook_graph(), shrikhande_graph()]))
    outcome = run_recipe(f"{name}/sr16622", seeds=2, out=tmp_path / "sr")
    assert outcome.experiments[model].mean == 0.0
    stand_in("sr16622", loaded(csl_family()))
    monkeypatch.setattr(tasks, "_THRESHOLD", 1e-10)
    outcome = run_recipe(f"{name}/sr16622", seeds=1, out=tmp_path / "csl")
    assert outcome.experiments[model].mean == 1.0


def test_figures_and_settings():
    published = {
        "mutag": (90.55, 8.7, 1e-4, 1.0, 500),
        "ptc_mr": (66.17, 6.54, 1e-4, 1.0, 400),
        "proteins": (77.2, 4.73, 1e-3, 0.5, 100),
        "imdb-binary": (72.6, 4.9, 5e-5, 0.5, 100),
    }
    for name, expected in published.items():
        recipe = registry.get("recipe", f"ppgn/{name}").obj
        settings, protocol, figure = recipe.settings, recipe.protocol, recipe.published
        found = (figure.mean, figure.interval, settings.lr, protocol.decay, protocol.epochs)
        assert found == expected
        assert (settings.hidden_channels, settings.num_layers, protocol.batch_size) == (400, 3, 5)
        assert "second-hand" in figure.source
