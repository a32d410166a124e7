"""GRAFENNE: its parts, features that come and go, and training through the runner."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data

from graphpoly.layers import allotrope
from graphpoly.models import GRAFENNE
from graphpoly.models.model_factory import model_factory
from graphpoly.models.settings import GRAFENNESettings, Inputs
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.registry import get
from graphpoly.testing import assert_close, graph_zoo
from tests.stand_in import on_nodes

ZOO = graph_zoo(0, weighted=False)


def made(*sizes, **arguments):
    torch.manual_seed(0)
    return GRAFENNE(*sizes, **arguments).double().eval()


def drawn(width=6):
    torch.manual_seed(1)
    num_nodes = int(ZOO["erdos_renyi"].num_nodes)
    x = torch.randn(num_nodes, width, dtype=torch.float64)
    return x * (torch.rand(num_nodes, width) < 0.5), ZOO["erdos_renyi"].edge_index


@pytest.mark.parametrize("pool", [None, "add", "max"])
def test_it_is_its_layers_and_one_more_look_at_the_features(pool):
    x, edge_index = drawn()
    net = made(8, 3, 2, code_channels=2, pool=pool, dropout=0.5, attention_dropout=0.5)
    states = net.convs[0](x, edge_index, return_states=True)
    node, feature = net.convs[1](x, edge_index, states=states, return_states=True)
    heard = net.read(allotrope(x).by_node, feature, node)
    h = F.leaky_relu(net.lin(torch.cat([node, heard], 1)))
    if pool is not None:
        h = h.sum(0, keepdim=True) if pool == "add" else h.amax(0, keepdim=True)
    assert_close(net(x, edge_index), net.head(h))
    assert_close(net(x.to_sparse(), edge_index), net.head(h))


@pytest.mark.parametrize("codes", [0, 4])
def test_features_come_go_and_change_places(codes):
    x, edge_index = drawn()
    net = made(8, 3, 2, code_channels=codes)
    key = torch.arange(6)
    out = net(x, edge_index)
    order = torch.randperm(6)
    assert_close(net(x[:, order], edge_index, feature_key=key[order]), out)
    later = torch.randn(len(x), 2).double()
    more = net(torch.cat([later, x], 1), edge_index, feature_key=torch.arange(-2, 6))
    assert not torch.allclose(more, out)
    gone = torch.cat([torch.zeros_like(later), x], 1)
    assert_close(net(gone, edge_index, feature_key=torch.arange(-2, 6)), out)


def test_every_parameter_is_read():
    x, edge_index = drawn()
    net = made(8, 3, 2, code_channels=3)
    net(x, edge_index).square().sum().backward()
    assert [name for name, each in net.named_parameters() if not each.grad.abs().any()] == []


def test_settings_make_a_network_that_reads_any_width():
    net = GRAFENNESettings(hidden_channels=8).network(Inputs(in_channels=5, out_channels=2))
    _, edge_index = drawn()
    num_nodes = int(ZOO["erdos_renyi"].num_nodes)
    for width in (5, 50):
        assert net(torch.randn(num_nodes, width), edge_index).shape == (num_nodes, 2)


def test_a_factory_that_is_told_a_width_makes_one_for_any():
    factory, _ = model_factory("GRAFENNE", in_channels=7, hidden_channels=8)
    assert repr(factory()) == "GRAFENNE(8, 16, 5)"


def documents(words, seed):
    """Two rings of documents: those of one class have most words, those of the other few."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(80) // 40
    ring = torch.stack([torch.arange(80), 40 * y + (torch.arange(80) + 1) % 40])
    share = torch.where(y == 0, 0.7, 0.1).unsqueeze(1)
    x = (torch.rand(80, words, generator=generator) < share).float()
    return Data(x, torch.cat([ring, ring.flip(0)], 1), y=y)


def test_what_it_learned_holds_for_words_of_another_language():
    torch.manual_seed(0)
    net, data, other = GRAFENNE(8, 2), documents(20, 0), documents(22, 1)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(net(data.x, data.edge_index), data.y).backward()
        optimizer.step()
    # beside all columns that it has seen, which are empty now
    x = torch.cat([torch.zeros_like(data.x), other.x], 1)
    right = net(x, other.edge_index).argmax(1) == other.y
    assert right.float().mean() > 0.95


def test_it_is_trained_by_the_runner(stand_in, tmp_path):
    stand_in("Cora", on_nodes(documents(20, 0)))
    changes = {"hidden_channels": 8, "code_channels": 0, "epochs": 40, "lr": 0.01}
    changes |= {"split": "dense", "num_layers": 1}
    outcome = run_recipe(recipe_for("GRAFENNE", "Cora"), seeds=1, out=tmp_path, overrides=changes)
    assert outcome.experiments["GRAFENNE"].mean == 1.0


def test_rows_have_the_published_settings():
    for name in ("cora", "citeseer", "pubmed"):
        recipe = get("recipe", f"grafenne/{name}").obj
        settings = recipe.settings
        assert (settings.hidden_channels, settings.heads, settings.lr) == (256, 4, 1e-4)
        assert recipe.published is None
        assert recipe.protocol.split == "stratified"  # "dense" leaves classes without a test node


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"pool": "sum"}, "pool"), ({"num_layers": 0}, "num_layers: got 0"), ({"heads": 3}, "heads")],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        GRAFENNE(8, 2, **wrong)
