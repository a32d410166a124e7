"""Graph MLP-Mixer and Graph ViT through the runner, on graphs in memory."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import find_dataset
from graphpoly.features import ExtractPatches
from graphpoly.models.network_for import network_for, prepared
from graphpoly.models.settings import GraphMLPMixerSettings
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.training.forward import call_by_name
from tests.models.test_molecule_gnn import molecule
from tests.ops.test_enumerate_paths import edges
from tests.stand_in import on_graphs

SMALL = {"hidden_channels": 8, "num_layers": 1, "mixer_layers": 1, "num_patches": 4}
SMALL |= {"method": "random", "walk_length": 2}
PUBLISHED = {
    "graph-mlp-mixer/zinc": (0.073, 0.001),
    "graph-mlp-mixer/ogbg-molhiv": (0.7997, 0.0102),
    "graph-mlp-mixer/peptides-func": (0.6921, 0.0054),
    "graph-mlp-mixer/peptides-struct": (0.2475, 0.0015),
    "graph-vit/peptides-func": (0.6942, 0.0075),
    "graph-vit/peptides-struct": (0.2449, 0.0016),
}


@pytest.fixture
def molecules(stand_in):
    """Chains whose label is the kind of their first bond."""
    graphs = []
    for seed in range(20):
        graph = molecule(seed, 4 + seed % 4)
        graph.x, graph.edge_attr = graph.x[:, :1], graph.edge_attr[:, 0]
        graph.y = torch.tensor([[float(seed % 2)]])
        graphs.append(graph)
    load = on_graphs(graphs, num_outputs=1, categories=(2,), edge_categories=(2,))
    stand_in("ZINC", load)
    return load(None, find_dataset("ZINC").reading, 0)


@pytest.mark.parametrize("model", ["GraphMLPMixer", "GraphViT"])
def test_classifies_what_message_passing_cannot(model, stand_in, tmp_path):
    """Hexagons and pairs of triangles, whose edges are all that a network is told."""
    graphs = []
    for i in range(40):
        graph = nx.cycle_graph(6) if i % 2 else nx.disjoint_union(*[nx.cycle_graph(3)] * 2)
        graphs.append(Data(x=torch.ones(6, 1), edge_index=edges(graph), y=torch.tensor([i % 2])))
    stand_in("MUTAG", on_graphs(graphs))
    changes = {**SMALL, "epochs": 6, "lr": 0.01, "num_patches": 6, "walk_length": "none"}
    changes["batch_size"] = 4
    recipe = recipe_for(model, "MUTAG")
    outcome = run_recipe(recipe, seeds=1, out=tmp_path, overrides=changes)
    assert outcome.experiments[model].mean == 1.0


def test_a_seed_repeats_every_partition(molecules, tmp_path):
    recipe = recipe_for("GraphMLPMixer", "ZINC")
    changes = {**SMALL, "epochs": 3, "patience": "none"}
    means = []
    for folder in ("one", "two"):
        torch.manual_seed(len(means))
        outcome = run_recipe(recipe, seeds=1, out=tmp_path / folder, overrides=changes)
        means.append(outcome.experiments["GraphMLPMixer"].mean)
    assert means[0] == means[1]


def test_the_network_reads_bonds_encodings_and_the_patches_that_are_stored(molecules):
    settings = GraphMLPMixerSettings(**SMALL)
    loaded = prepared(settings, molecules)
    net = network_for(settings, find_dataset("ZINC"), loaded, None).eval()
    data = loaded.graphs[3]
    assert data.encoding.shape == (data.num_nodes, 2)
    expected = call_by_name(net, data)
    for name in ("edge_attr", "encoding"):
        other = data.clone()
        other[name] = 1 - other[name]
        assert not torch.allclose(call_by_name(net, other), expected)
    other = ExtractPatches(4, method="random", seed=5)(data)
    assert not torch.equal(other.patch_number, data.patch_number)
    assert not torch.allclose(call_by_name(net, other), expected)
    without = network_for(
        GraphMLPMixerSettings(**SMALL, edge_features=False), find_dataset("ZINC"), loaded, None
    )
    assert without.edge_encoder is None
    assert without.net.edge_dim is None


def test_each_batch_of_training_is_divided_anew_where_that_is_asked_for():
    anew = GraphMLPMixerSettings(num_patches=6, method="random", drop=0.2).augmentation()
    assert repr(anew) == "ExtractPatches(6, overlap=1, method='random', drop=0.2, seed=None)"
    assert GraphMLPMixerSettings(anew=False).augmentation() is None


def test_features_of_unknown_kinds_are_refused(molecules):
    graphs = [graph.clone() for graph in molecules.graphs]
    unknown = on_graphs(graphs, num_outputs=1, categories=(2,))(None, None, 0)
    with pytest.raises(ValueError, match=r"ZINC has edge_attr \[6\] of torch.int64"):
        network_for(GraphMLPMixerSettings(**SMALL), find_dataset("ZINC"), unknown, None)


def test_figures_and_settings():
    for name, figures in PUBLISHED.items():
        recipe = registry.get("recipe", name).obj
        assert (recipe.published.mean, recipe.published.interval) == figures
        assert "second-hand" in recipe.published.source
        assert (recipe.protocol.num_splits, recipe.settings.num_patches) == (4, 32)
    zinc = registry.get("recipe", "graph-vit/zinc").obj
    assert zinc.published is None
    assert (zinc.settings.walk_length, zinc.protocol.epochs) == (20, 2000)
    hiv = registry.get("recipe", "graph-mlp-mixer/ogbg-molhiv").obj
    settings = hiv.settings
    assert (settings.walk_length, settings.patch_walks, settings.num_layers) == (None, None, 2)
    assert any("ASAM" in note for note in hiv.notes)
    assert any("settings are ours" in n for n in registry.get("recipe", "graph-vit/nci1").obj.notes)
