"""Every registered model prints, saves, repeats and batches as a layer does."""

from __future__ import annotations

import inspect

import pytest
import torch

from graphpoly.models import (
    EGNN,
    GRAFENNE,
    GSPN,
    MPNN,
    ComparatorNet,
    GraphMamba,
    GraphViT,
)
from graphpoly.registry import entries, get
from graphpoly.testing import (
    check_model,
    model_properties,
    parametrize_with_checks,
    properties,
)

# what is asked of layers, too; an exception that a class declares is expected to fail
PROPERTIES = [name for name in model_properties() if name in properties()]
OF_NETWORKS = [name for name in model_properties() if name not in properties()]


def scores_pairs(entry):
    return "pairs" in inspect.signature(entry.obj.forward).parameters


def reads_answers(entry):
    """Of such networks test_pointer_network.py and test_algorithm_net.py ask the same."""
    return not {"pointer", "steps"}.isdisjoint(inspect.signature(entry.obj.forward).parameters)


MODELS = entries("model")
OTHERS = [each for each in MODELS if scores_pairs(each) or reads_answers(each)]
READ = [each for each in MODELS if not reads_answers(each)]
POOLED = {
    "ComparatorNet": lambda: ComparatorNet(8, 4, 2, pool="mean"),
    "EGNN": lambda: EGNN(8, 4, 2, pool="add"),
    "GRAFENNE": lambda: GRAFENNE(4, 2, heads=2, pool="max"),
    "GSPN": lambda: GSPN(8, 4, 3, pool="mean"),
    "GraphMamba": lambda: GraphMamba(8, 4, 2, expand=1, states=2, walk_length=2, pool="mean"),
    "GraphViT": lambda: GraphViT(
        8, 8, 2, num_layers=1, mixer_layers=1, num_patches=3, heads=2, method="random", pool="max"
    ),
    "MPNN": lambda: MPNN(8, 4, 2, master_channels=2, readout="set2set"),
}


@parametrize_with_checks([each for each in MODELS if each not in OTHERS], only=PROPERTIES)
def test_model(check):
    check()


@pytest.mark.parametrize("entry", READ, ids=lambda each: each.name)
def test_batches_and_files(entry):
    check_model(entry, only=OF_NETWORKS)


@pytest.mark.parametrize("name", [*POOLED, *(each.name for each in READ if scores_pairs(each))])
def test_networks_of_graphs_and_of_pairs(name):
    check_model(POOLED[name] if name in POOLED else get("model", name))


@pytest.fixture(params=[each for each in MODELS if scores_pairs(each)], ids=lambda each: each.name)
def link_model(request):
    """A network that scores pairs, with what it reads."""
    torch.manual_seed(0)
    net = request.param.example()
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3], [1, 0, 2, 1, 3, 2, 3, 0]])
    x = torch.randn(6, net.in_channels)
    return net, (x, edge_index, torch.tensor([[0, 1, 4, 5], [2, 3, 5, 1]]))


def test_link_model_prints_what_builds_it(link_model):
    net, _ = link_model
    scope = {type(net).__name__: type(net)}
    again = eval(repr(net), scope)
    assert repr(again) == repr(net)


def test_link_model_saves_repeats_and_starts_anew(link_model):
    net, inputs = link_model
    net.eval()
    expected = net(*inputs)
    assert expected.shape == (4,)
    assert torch.equal(net(*inputs), expected)
    held = {name: value.clone() for name, value in net.state_dict().items()}
    net.reset_parameters()
    assert not torch.equal(net(*inputs), expected)
    net.load_state_dict(held)
    assert torch.equal(net(*inputs), expected)
    net(*inputs).sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


def test_link_model_keeps_graphs_of_a_batch_apart(link_model):
    net, (x, edge_index, pairs) = link_model
    net.double().eval()
    x = x.double()
    both = net(
        torch.cat([x, -x]),
        torch.cat([edge_index, edge_index + 6], 1),
        torch.cat([pairs, pairs + 6], 1),
    )
    alone = torch.cat([net(x, edge_index, pairs), net(-x, edge_index, pairs)])
    torch.testing.assert_close(both, alone)


def test_link_model_names_what_is_wrong(link_model):
    net, (x, edge_index, pairs) = link_model
    with pytest.raises(TypeError, match="did you mean"):
        type(net)(8, 16, encodr="gcn")
    with pytest.raises(ValueError, match="x"):
        net(x[:, :-1], edge_index, pairs)
