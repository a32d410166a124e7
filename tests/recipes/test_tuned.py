"""Tuned networks are those that were published, down to their weights."""

from __future__ import annotations

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
    loaded = Loaded(
        graphs=[molecule()],
        num_features=9,
        num_outputs=outputs,
        split=lambda name, seed: None,
        facts={},
        categories="ogb",
        edge_categories="ogb",
    )
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


@pytest.mark.parametrize("model", ["gcn", "sage"])
def test_links_of_ogb_are_learned_as_its_scripts_do(model: str) -> None:
    clips = {
        name: registry.get("recipe", f"{model}/ogbl-{name}").obj.protocol.grad_clip
        for name in ("collab", "ppa", "ddi", "citation2")
    }
    assert clips == {"collab": 1.0, "ppa": 1.0, "ddi": 1.0, "citation2": None}
