"""Tuned networks are those that were published, down to their weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import Loaded, find_dataset
from graphpoly.models.network_for import network_for, prepared
from graphpoly.training.forward import call_by_name


def molecule() -> Data:
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    x, attr = torch.zeros(4, 9, dtype=torch.long), torch.zeros(6, 3, dtype=torch.long)
    return Data(x=x, edge_index=edge_index, edge_attr=attr)


def molecules(outputs: int) -> Loaded:
    return Loaded(
        graphs=[molecule()],
        num_features=9,
        num_outputs=outputs,
        split=lambda name, seed: None,
        facts={},
        categories="ogb",
        edge_categories="ogb",
    )


# by hand from the published configuration: an embedding of 174 values in 207 columns, a norm and a
# map of 20 steps to 28, six layers and two maps of 235, and the last; bonds, embedded there, are
# read by none of them
@pytest.mark.parametrize(
    ("name", "outputs", "weights"),
    [("Peptides-func", 10, 174 * 207 + 40 + 21 * 28 + 8 * 236 * 235 + 236 * 10)],
)
def test_networks_of_peptides_have_the_published_size(
    name: str, outputs: int, weights: int
) -> None:
    pytest.importorskip("ogb")
    recipe = registry.get("recipe", f"tuned-gcn/{name.lower()}").obj
    loaded = molecules(outputs)
    read = prepared(recipe.settings, loaded)
    net = network_for(recipe.settings, find_dataset(name), read, None)
    assert sum(p.numel() for p in net.parameters()) == weights
    assert read.graphs is not None
    assert call_by_name(net, read.graphs[0]).shape == (1, outputs)


def test_learning_rates_and_gradients_of_peptides_are_the_published_ones() -> None:
    for name in ("peptides-func", "peptides-struct"):
        recipe = registry.get("recipe", f"tuned-gcn/{name}").obj
        protocol, settings = recipe.protocol, recipe.settings
        assert (protocol.schedule, protocol.warm_up_epochs, protocol.epochs) == ("cosine", 5, 250)
        assert (protocol.grad_clip, protocol.batch_size, settings.lr) == (1.0, 200, 1e-3)
        assert (settings.hidden_channels, settings.num_layers, settings.head_layers) == (235, 6, 3)
        assert (settings.norm, settings.residual, settings.skip) == (None, False, True)


# columns of x, or the number of nodes that are embedded instead; classes; weights of GCN and of
# SAGE as OGB's leaderboards list them
OGB = {
    "ogbn-arxiv": (128, 40, 110_120, 218_664),
    "ogbn-products": (100, 47, 103_727, 206_895),
    "ogbn-proteins": (8, 112, 96_880, 193_136),
    "ogbl-collab": (128, 1, 296_449, 460_289),
    "ogbl-ppa": (58, 1, 278_529, 424_449),
    "ogbl-ddi": (4267, 1, 1_289_985, 1_421_057),
    "ogbl-citation2": (128, 1, 296_449, 460_289),
}


@pytest.mark.parametrize("name", OGB)
def test_networks_of_ogb_have_the_published_size(name: str) -> None:
    columns, classes, *published = OGB[name]
    embedded = name == "ogbl-ddi"
    x = torch.arange(5).unsqueeze(1) if embedded else torch.randn(5, columns)
    edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    loaded = Loaded(
        data=Data(x=x, edge_index=edge_index),
        num_features=1 if embedded else columns,
        num_outputs=classes,
        split=lambda name, seed: None,
        facts={},
        categories=(columns,) if embedded else None,
    )
    for model, weights in zip(("gcn", "sage"), published, strict=True):
        recipe = registry.get("recipe", f"{model}/{name}").obj
        net: Any = network_for(recipe.settings, recipe.data, loaded, None)
        assert sum(p.numel() for p in net.parameters()) == weights, model
        if classes == 1:  # of pairs of nodes
            layers = recipe.settings.num_layers
            assert net.head.dropout == [0.5 if embedded else 0.0] * (layers - 1) + [0.0]


# outputs; weights of GIN and GCN as the leaderboards list them, without and with a virtual node
MOLECULES = {
    "ogbg-molhiv": (1, (1_885_206, 3_336_306), (527_701, 1_978_801)),
    "ogbg-molpcba": (128, (1_923_433, 3_374_533), (565_928, 2_017_028)),
}


@pytest.mark.parametrize("name", MOLECULES)
def test_networks_of_ogbs_molecules_have_the_published_size(name: str) -> None:
    features = pytest.importorskip("ogb.utils.features")
    outputs, *published = MOLECULES[name]
    # ogb has added values of atoms since then, of which each is a row of 300
    added = 300 * (sum(features.get_atom_feature_dims()) - 173)
    loaded = molecules(outputs)
    for model, weights in zip(("gin", "gcn"), published, strict=True):
        for suffix, count in zip(("", "-virtual"), weights, strict=True):
            recipe = registry.get("recipe", f"{model}/{name}{suffix}").obj
            net = network_for(recipe.settings, recipe.data, loaded, None)
            assert sum(p.numel() for p in net.parameters()) == count + added, (model, suffix)


@pytest.mark.parametrize("model", ["gcn", "sage"])
def test_links_of_ogb_are_learned_as_its_scripts_do(model: str) -> None:
    protocols = {
        name: registry.get("recipe", f"{model}/ogbl-{name}").obj.protocol
        for name in ("collab", "ppa", "ddi", "citation2")
    }
    clips = {name: protocol.grad_clip for name, protocol in protocols.items()}
    assert clips == {"collab": 1.0, "ppa": 1.0, "ddi": 1.0, "citation2": None}
    for name, protocol in protocols.items():
        assert not protocol.remove_targets
        assert protocol.batch_size == 65_536
        assert protocol.negatives == ("targets" if name == "citation2" else "pairs")
        settings = registry.get("recipe", f"{model}/ogbl-{name}").obj.settings
        assert settings.score_dropout == settings.dropout == (0.5 if name == "ddi" else 0.0)
