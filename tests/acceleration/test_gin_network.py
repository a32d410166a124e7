"""PyG's GIN in one operator: when it is, and that it computes what the network does."""

import copy
import pickle
from types import MethodType
from unittest import mock

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.utils.checkpoint import checkpoint

import graphpoly.acceleration.gin_network as gin_network
import graphpoly.ops._extension as _extension
from graphpoly import accelerate
from graphpoly.acceleration import restore
from graphpoly.testing import assert_close

pytestmark = pytest.mark.usefixtures("sooner")

EDGES = torch.randint(30, (2, 90), generator=torch.Generator().manual_seed(0))
SIZES = {"in_channels": 5, "hidden_channels": 6, "num_layers": 3, "out_channels": 4}


def features(seed=0):
    return torch.randn(30, 5, generator=torch.Generator().manual_seed(seed)).double()


def with_norms(network, **settings):
    """As networks on molecules are: the norm of a batch within each perceptron."""
    for conv in network.convs:
        channels = [conv.nn.channel_list[0], 6, conv.nn.channel_list[-1]]
        conv.nn = pyg.MLP(channels, norm_kwargs=settings)
    return network


def made_of(module):
    def make():
        network = pyg.GIN(**SIZES)
        network.convs[1].nn = module()
        return network

    return make


def doubled(module, *given):
    return 2 * type(module).forward(module, *given)


def replaced(name):
    def make():
        network = pyg.GIN(**SIZES)
        module = network.get_submodule(name)
        module.forward = MethodType(doubled, module)
        return network

    return make


def hooked(name):
    def make():
        network = pyg.GIN(**SIZES)
        network.get_submodule(name).register_forward_hook(lambda module, given, out: out * 2)
        return network

    return make


def unlike():
    network = pyg.GIN(**SIZES)
    network.convs[1].eps.fill_(0.5)
    return network


AT_ONCE = {
    "plain": lambda: pyg.GIN(**SIZES),
    "one layer": lambda: pyg.GIN(5, 6, 1, 4),
    "eps": lambda: pyg.GIN(**SIZES, eps=0.3),
    "no more channels": lambda: pyg.GIN(5, 6, 2),
    "norms": lambda: with_norms(pyg.GIN(**SIZES)),
    "norms without memory": lambda: with_norms(pyg.GIN(**SIZES), track_running_stats=False),
    "mean of all batches": lambda: with_norms(pyg.GIN(**SIZES), momentum=None),
    "Sequential": made_of(lambda: nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 6))),
}
LEFT = {
    "dropout": lambda: pyg.GIN(**SIZES, dropout=1.0),
    "another activation": lambda: pyg.GIN(**SIZES, act="elu"),
    "no activation": lambda: pyg.GIN(**SIZES, act=None),
    "a norm between layers": lambda: pyg.GIN(**SIZES, norm="layer"),
    "jumping knowledge": lambda: pyg.GIN(**SIZES, jk="cat"),
    "learned eps": lambda: pyg.GIN(**SIZES, train_eps=True),
    "mean": lambda: pyg.GIN(**SIZES, aggr="mean"),
    "unlike layers": unlike,
    "another norm": made_of(lambda: pyg.MLP([6, 6, 6], norm="layer_norm")),
    "three maps": made_of(lambda: pyg.MLP([6, 6, 6, 6], norm=None)),
    "one map": made_of(lambda: nn.Linear(6, 6)),
    **{f"hook of {name}": hooked(name) for name in ("act", "dropout", "norms.0", "convs.1")},
    **{f"hook of {name}": hooked(f"convs.2.{name}") for name in ("nn", "nn.lins.1", "aggr_module")},
    **{f"forward of {name}": replaced(name) for name in ("act", "convs.0", "convs.0.nn.lins.0")},
}


def run(network, x):
    leaf = x.detach().requires_grad_()
    out = network(leaf, EDGES)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    wanted = [leaf, *network.parameters()]
    return out, torch.autograd.grad(out, wanted, probe, allow_unused=True)


@pytest.mark.parametrize("name", AT_ONCE | LEFT)
def test_the_network_and_its_twin(name):
    """Three steps, so that what is remembered of batches shows, and one in eval mode."""
    torch.manual_seed(0)
    network = (AT_ONCE | LEFT)[name]().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    with mock.patch.object(gin_network, "gin_network", wraps=gin_network.gin_network) as kernel:
        for step in range(4):
            network.train(step < 3), twin.train(step < 3)
            expected, grads = run(network, features(step))
            out, found = run(twin, features(step))
            assert_close(out, expected)
            for one, other in zip(found, grads, strict=True):
                assert (one is None) == (other is None)
                if one is not None:
                    assert_close(one, other, kind="accumulated")
            for key, value in network.state_dict().items():
                assert_close(twin.state_dict()[key].double(), value.double(), what=key)
    steps = 1 if name == "dropout" else 0  # without dropout in eval mode
    assert kernel.call_count == (4 if name in AT_ONCE else steps)


def served(network, *args, **kwargs):
    with mock.patch.object(gin_network, "gin_network", wraps=gin_network.gin_network) as kernel:
        out = network(*args, **kwargs)
    return out, kernel.call_count == 1


def test_arguments_that_the_layers_see_run_them():
    network = pyg.GIN(**SIZES).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x, sparse = (
        features(),
        torch.sparse_coo_tensor(EDGES.flip(0), torch.ones(90).double(), (30, 30)),
    )
    for args, kwargs, at_once in [
        ((x, EDGES), {"batch": torch.zeros(30, dtype=torch.int64), "batch_size": 1}, True),
        ((x, EDGES.int()), {}, True),
        ((x, EDGES, None), {}, False),
        ((x.expand(2, -1, -1), EDGES), {}, False),
        ((x, sparse.coalesce()), {}, False),
        (
            (x, EDGES),
            {"num_sampled_nodes_per_hop": [30, 0, 0], "num_sampled_edges_per_hop": [90, 0, 0]},
            False,
        ),
    ]:
        out, found = served(twin, *args, **kwargs)
        assert found is at_once
        assert_close(out, network(*args, **kwargs))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_runs_it_again(reentrant):
    network = with_norms(pyg.GIN(**SIZES)).double()
    accelerate(network)
    expected = run(network, features())
    leaf = features().requires_grad_()
    out = checkpoint(network, leaf, EDGES, use_reentrant=reentrant)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    out.backward(probe)
    for one, other in zip((leaf, *network.parameters()), expected[1], strict=True):
        assert_close(one.grad, other)


def test_copies_pickles_and_the_way_back():
    network = pyg.GIN(**SIZES).double()
    expected = network(features(), EDGES)
    accelerate(network)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        out, at_once = served(twin, features(), EDGES)
        assert at_once
        assert_close(out, expected)
        assert repr(twin) == "GIN(5, 4, num_layers=3)"
    restore(network)
    assert type(network) is pyg.GIN
    out, at_once = served(network, features(), EDGES)
    assert not at_once
    assert_close(out, expected)


def test_features_that_are_mostly_nothing_run_layer_by_layer():
    generator = torch.Generator().manual_seed(0)
    words = (torch.rand(200, 300, generator=generator) < 0.01).double()
    network = pyg.GIN(300, 6, 2).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    out, at_once = served(twin, words, EDGES)
    assert at_once is not _extension.load()["available"]
    assert_close(out, network(words, EDGES))


def test_data_of_another_shape_or_type_given_to_the_same_parameters():
    network = pyg.GIN(**SIZES).double()
    twin = copy.deepcopy(network)
    accelerate(twin)

    def narrow(model):
        first, last = model.convs[1].nn.lins
        first.weight.data, first.bias.data = first.weight[:4].detach(), first.bias[:4].detach()
        last.weight.data = last.weight[:, :4].detach()

    def turn(model):
        for lin in model.convs[1].nn.lins:
            lin.weight.data = lin.weight.detach().t().contiguous().t()

    def rates(model, *given):
        for conv, value in zip(model.convs, given, strict=True):
            conv.eps.data.fill_(value)

    assert served(twin, features(), EDGES)[1]
    for change, at_once in [
        (turn, True),
        (lambda model: rates(model, 0.5, 0.5, 0.5), True),
        (lambda model: rates(model, 0.5, 1.5, 0.5), False),
        (lambda model: rates(model, 2.0, 2.0, 2.0), True),
        (lambda model: model.convs[2].eps.requires_grad_(), False),
        (lambda model: model.convs[2].eps.requires_grad_(False), True),
        (narrow, False),
    ]:
        change(network), change(twin)
        out, found = served(twin, features(), EDGES)
        assert found is at_once
        assert_close(out, network(features(), EDGES))
    mixed = pyg.GIN(**SIZES).double()
    accelerate(mixed)
    assert served(mixed, features(), EDGES)[1]
    for lin in mixed.convs[1].nn.lins:
        lin.weight.data = lin.weight.detach().float()
    with pytest.raises(RuntimeError, match="mat2 must have the same dtype"):
        mixed(features(), EDGES)
