"""Every registered model prints, saves, repeats and batches as a layer does."""

from __future__ import annotations

import inspect

import pytest
import torch

from graphpoly.registry import entries
from graphpoly.testing import parametrize_with_checks

PROPERTIES = [
    "repr",
    "message_passing_arguments",
    "constructor_errors",
    "feature_errors",
    "third_argument",
    "output",
    "edge_weight",
    "adjacency_forms",
    "sparse_weights",
    "sparse_gradients",
    "node_permutation",
    "batch",
    "used_parameters",
    "degenerate_graphs",
    "eval_determinism",
    "train_seed",
    "reset_parameters",
    "state_dict",
    "safetensors",
    "copies",
    "stateless_forward",
]


def scores_pairs(entry):
    return "pairs" in inspect.signature(entry.obj.forward).parameters


def reads_answers(entry):
    """Of such networks test_pointer_network.py and test_algorithm_net.py ask the same."""
    return not {"pointer", "steps"}.isdisjoint(inspect.signature(entry.obj.forward).parameters)


MODELS = entries("model")
OTHERS = [each for each in MODELS if scores_pairs(each) or reads_answers(each)]


WEIGHED = {"adjacency_forms": "a matrix of PyTorch's has values, and weights are refused"}


@parametrize_with_checks(
    [each for each in MODELS if each not in OTHERS],
    only=PROPERTIES,
    exclude={"GraphMLPMixer": WEIGHED, "GraphViT": WEIGHED},
)
def test_model(check):
    check()


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
