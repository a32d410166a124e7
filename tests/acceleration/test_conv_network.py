"""PyG's GCN and GraphSAGE in one operator: when they are, and that they compute what PyG's do."""

import copy
import pickle
from types import MethodType
from unittest import mock

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

import graphpoly.acceleration.conv_network as conv_network
import graphpoly.ops._extension as _extension
from graphpoly import accelerate
from graphpoly.acceleration import restore
from graphpoly.testing import assert_close, graph_zoo

pytestmark = pytest.mark.usefixtures("sooner")

EDGES = torch.randint(30, (2, 90), generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.rand(90, generator=torch.Generator().manual_seed(1)).double() + 0.1
SIZES = {"in_channels": 5, "hidden_channels": 6, "num_layers": 3, "out_channels": 4}
NETWORKS = {"GCN": pyg.GCN, "SAGE": pyg.GraphSAGE}
LINEAR = {"GCN": "lin", "SAGE": "lin_l"}


def features(seed=0):
    return torch.randn(30, 5, generator=torch.Generator().manual_seed(seed)).double()


def doubled(module, *given, **named):
    return 2 * type(module).forward(module, *given, **named)


def of(kind, **settings):
    return lambda: NETWORKS[kind](**SIZES, **settings)


def replaced(kind, name):
    def make():
        network = of(kind)()
        module = network.get_submodule(name)
        module.forward = MethodType(doubled, module)
        return network

    return make


def hooked(kind, name):
    def make():
        network = of(kind)()
        network.get_submodule(name).register_forward_hook(lambda module, given, out: out * 2)
        return network

    return make


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def parametrized(kind, name, parameter):
    def make():
        network = of(kind)()
        parametrize.register_parametrization(network.get_submodule(name), parameter, Doubled())
        return network

    return make


def changed(kind, **attributes):
    """A network whose layers are not alike."""

    def make():
        network = of(kind)()
        for key, value in attributes.items():
            setattr(network.convs[1], key, value)
        return network

    return make


AT_ONCE = {
    **{f"{kind}, plain": of(kind) for kind in NETWORKS},
    **{f"{kind}, no biases": of(kind, bias=False) for kind in NETWORKS},
    "GCN, one layer": lambda: pyg.GCN(5, 6, 1, 4),
    "SAGE, one layer": lambda: pyg.GraphSAGE(5, 6, 1, 4),
    "GCN, fewer channels": lambda: pyg.GCN(5, 3, 2),
    "SAGE, fewer channels": lambda: pyg.GraphSAGE(5, 3, 2),
    "GCN, no loops": of("GCN", add_self_loops=False),
    "GCN, improved": of("GCN", improved=True),
    "GCN, not normalised": of("GCN", normalize=False),
    "SAGE, sums": of("SAGE", aggr="sum"),
    "SAGE, no roots": of("SAGE", root_weight=False),
}
LEFT = {
    **{f"{kind}, dropout": of(kind, dropout=1.0) for kind in NETWORKS},
    **{f"{kind}, another activation": of(kind, act="elu") for kind in NETWORKS},
    **{f"{kind}, no activation": of(kind, act=None) for kind in NETWORKS},
    **{f"{kind}, a norm between layers": of(kind, norm="layer") for kind in NETWORKS},
    **{f"{kind}, jumping knowledge": of(kind, jk="cat") for kind in NETWORKS},
    "GCN, unlike layers": changed("GCN", improved=True, add_self_loops=False),
    "GCN, cached": of("GCN", cached=True),
    "GCN, maximum": of("GCN", aggr="max"),
    "SAGE, maximum": of("SAGE", aggr="max"),
    "SAGE, normalised": of("SAGE", normalize=True),
    "SAGE, projected": of("SAGE", project=True),
    "SAGE, unlike layers": changed("SAGE", aggr_module=pyg.SumAggregation()),
    "SAGE, a bias of roots": lambda: changed("SAGE", lin_r=nn.Linear(6, 6))(),
    **{
        f"{kind}, hook of {name}": hooked(kind, name)
        for kind, lin in LINEAR.items()
        for name in (
            "act",
            "dropout",
            "norms.0",
            "convs.1",
            f"convs.2.{lin}",
            "convs.0.aggr_module",
        )
    },
    **{
        f"{kind}, forward of {name}": replaced(kind, name)
        for kind, lin in LINEAR.items()
        for name in ("act", "convs.0", f"convs.0.{lin}")
    },
    **{
        f"{kind}, a weight made of another": parametrized(kind, f"convs.1.{lin}", "weight")
        for kind, lin in LINEAR.items()
    },
    "GCN, a bias made of another": parametrized("GCN", "convs.1", "bias"),
}


def run(network, x, *given, edges=EDGES):
    leaf = x.detach().requires_grad_()
    out = network(leaf, edges, *given)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    wanted = [leaf, *network.parameters()]
    return out, torch.autograd.grad(out, wanted, probe, allow_unused=True)


def watched():
    return mock.patch.object(conv_network, "conv_network", wraps=conv_network.conv_network)


def compare(network, twin, x, *given, edges=EDGES, what=""):
    expected, grads = run(network, x, *given, edges=edges)
    out, found = run(twin, x, *given, edges=edges)
    assert_close(out, expected, what=what)
    for one, other in zip(found, grads, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other, kind="accumulated", what=what)


@pytest.mark.parametrize("name", AT_ONCE | LEFT)
def test_the_network_and_its_twin(name):
    """Two steps and one in eval mode, of the same layers."""
    torch.manual_seed(0)
    network = (AT_ONCE | LEFT)[name]().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    assert list(twin.state_dict()) == list(network.state_dict())
    with watched() as kernel:
        for step in range(3):
            network.train(step < 2), twin.train(step < 2)
            compare(network, twin, features(step))
        for key, value in network.state_dict().items():
            assert torch.equal(twin.state_dict()[key], value)
    steps = 1 if name.endswith(", dropout") else 0  # without dropout in eval mode
    assert kernel.call_count == (3 if name in AT_ONCE else steps)


@pytest.mark.parametrize("kind", NETWORKS)
def test_layers_that_do_not_fit_fail_in_the_words_of_pytorch(kind):
    network = of(kind)()
    network.convs[1] = type(network.convs[1])(7, 6)
    accelerate(network)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        network(features().float(), EDGES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_of_graph(kind, dtype):
    for name, data in graph_zoo(num_features=5, dtype=dtype).items():
        torch.manual_seed(0)
        network = of(kind)().to(dtype)
        twin = copy.deepcopy(network)
        accelerate(twin)
        with watched() as kernel:
            compare(network, twin, data.x, edges=data.edge_index, what=name)
        assert kernel.call_count == 1


@pytest.mark.parametrize("settings", [{}, {"improved": True}, {"normalize": False}])
def test_edge_weights(settings):
    network = of("GCN", **settings)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    with watched() as kernel:
        compare(network, twin, features(), WEIGHTS)
        assert_close(
            twin(features(), EDGES, edge_weight=WEIGHTS), network(features(), EDGES, WEIGHTS)
        )
    assert kernel.call_count == 2
    assert not served(twin, features(), EDGES, WEIGHTS.float())[1]
    learned = WEIGHTS.clone().requires_grad_()
    with watched() as kernel:
        compare(network, twin, features(), learned)
    assert kernel.call_count == 0
    found, wanted = (
        torch.autograd.grad(model(features(), EDGES, learned).sin().sum(), learned)[0]
        for model in (twin, network)
    )
    assert_close(found, wanted)


def served(network, *args, **kwargs):
    with watched() as kernel:
        out = network(*args, **kwargs)
    return out, kernel.call_count == 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_arguments_that_the_layers_see_run_them(kind):
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x = features()
    sparse = torch.sparse_coo_tensor(EDGES.flip(0), torch.ones(90).double(), (30, 30)).coalesce()
    hops = {"num_sampled_nodes_per_hop": [30, 0, 0], "num_sampled_edges_per_hop": [90, 0, 0]}
    for args, kwargs, at_once in [
        ((x, EDGES), {"batch": torch.zeros(30, dtype=torch.int64), "batch_size": 1}, True),
        ((x, EDGES.int()), {}, True),
        ((x, EDGES, None), {}, kind == "GCN"),
        ((x, EDGES), {"edge_attr": WEIGHTS}, False),
        ((x.expand(2, -1, -1), EDGES), {}, False),
        ((x, sparse), {}, False),
        ((x, EDGES), hops, False),
    ]:
        out, found = served(twin, *args, **kwargs)
        assert found is at_once
        assert_close(out, network(*args, **kwargs))
    with pytest.raises(TypeError, match="multiple values"):
        twin(x, EDGES, None, edge_weight=None)


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_index_out_of_range_is_left_to_the_original(kind):
    network = of(kind)().double()
    accelerate(network)
    with pytest.raises((IndexError, RuntimeError), match=r"larger than 29|out of bounds"):
        network(features(), torch.tensor([[30], [0]]))


@pytest.mark.parametrize("kind", NETWORKS)
def test_without_gradients_and_with_second_ones(kind):
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    with torch.no_grad():
        assert_close(twin(features(), EDGES), network(features(), EDGES))

    def penalty(model):
        x = features().requires_grad_()
        (slope,) = torch.autograd.grad(model(x, EDGES).sin().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), list(model.parameters())[-1])

    for one, other in zip(penalty(twin), penalty(network), strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_changes_between_steps_is_seen(kind):
    """Parameters, hooks and modes may change after a step that went through all layers at once."""
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    weight = f"convs.1.{LINEAR[kind]}"

    def both(change):
        change(network), change(twin)

    def hook(model):
        model.held = model.get_submodule(weight).register_forward_hook(lambda *given: 3 * given[2])

    def message_hook(model):
        model.held = model.convs[0].register_propagate_forward_hook(lambda *given: 3 * given[2])

    def new_parameter(model):
        lin = model.get_submodule(weight)
        lin.weight = nn.Parameter(lin.weight.detach() * 2)

    def drop(model):
        model.dropout.p = 1.0

    steps = [
        (lambda model: None, True),
        (hook, False),
        (lambda model: model.held.remove(), True),
        (new_parameter, True),
        (lambda model: model.get_submodule(weight).weight.data.mul_(0.5), True),
        (lambda model: model.get_submodule(weight).weight.requires_grad_(False), True),
        (drop, False),
        (lambda model: model.eval(), True),
        (message_hook, False),
        (lambda model: model.held.remove(), True),
        (lambda model: model.float(), False),
    ]
    for change, at_once in steps:
        both(change)
        if next(network.parameters()).dtype == torch.float32:
            continue
        out, found = served(twin, features(), EDGES)
        assert found is at_once
        assert_close(out, network(features(), EDGES))
    seen = nn.modules.module.register_module_forward_hook(lambda *given: None)
    try:
        assert not served(twin, features().float(), EDGES)[1]
    finally:
        seen.remove()
    assert served(twin, features().float(), EDGES)[1]


@pytest.mark.parametrize("kind", NETWORKS)
def test_half_precision_autocast_and_transforms_run_the_modules(kind):
    network = of(kind)()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x = features().float()
    with torch.autocast("cpu", torch.bfloat16):
        out, at_once = served(twin, x, EDGES)
        assert not at_once
        assert out.dtype == network(x, EDGES).dtype
    halved = copy.deepcopy(twin).bfloat16()
    out, at_once = served(halved, x.bfloat16(), EDGES)
    assert not at_once
    assert out.dtype == torch.bfloat16
    with watched() as kernel:
        found = torch.func.jacrev(lambda x: twin(x, EDGES))(x)
        jacobian = torch.autograd.functional.jacobian(lambda x: network(x, EDGES), x)
        assert_close(found, jacobian, kind="accumulated")
        parameters = dict(twin.named_parameters())
        grads = torch.func.grad(
            lambda p: torch.func.functional_call(twin, p, (x, EDGES)).sin().sum()
        )(parameters)
    assert kernel.call_count == 0
    wanted = torch.autograd.grad(network(x, EDGES).sin().sum(), list(network.parameters()))
    for one, other in zip(grads.values(), wanted, strict=True):
        assert_close(one, other, kind="accumulated")


@pytest.mark.parametrize("kind", NETWORKS)
def test_lazy_layers_are_made_first(kind):
    torch.manual_seed(0)
    network = NETWORKS[kind](-1, 6, 3, 4)
    accelerate(network)
    x = features().float()
    first, at_once = served(network, x, EDGES)
    assert not at_once
    out, at_once = served(network, x, EDGES)
    assert at_once
    assert_close(out, first, kind="accumulated")


@pytest.mark.parametrize("kind", NETWORKS)
def test_it_compiles_as_one_graph(kind):
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    compiled = torch.compile(twin, fullgraph=True, dynamic=True, backend="aot_eager")
    compare(network, compiled, features())


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_checkpoint_runs_it_again(kind, reentrant):
    network = of(kind)().double()
    accelerate(network)
    expected = run(network, features())
    leaf = features().requires_grad_()
    out = checkpoint(network, leaf, EDGES, use_reentrant=reentrant)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    out.backward(probe)
    for one, other in zip((leaf, *network.parameters()), expected[1], strict=True):
        assert_close(one.grad, other)


@pytest.mark.parametrize("kind", NETWORKS)
def test_copies_pickles_and_the_way_back(kind):
    network = of(kind)().double()
    expected, printed = network(features(), EDGES), repr(network)
    accelerate(network)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        out, at_once = served(twin, features(), EDGES)
        assert at_once
        assert_close(out, expected)
        assert repr(twin) == printed
    restore(network)
    assert type(network) is NETWORKS[kind]
    out, at_once = served(network, features(), EDGES)
    assert not at_once
    assert_close(out, expected)


@pytest.mark.parametrize("kind", NETWORKS)
def test_features_that_are_mostly_nothing_run_layer_by_layer(kind):
    generator = torch.Generator().manual_seed(0)
    words = (torch.rand(200, 300, generator=generator) < 0.01).double()
    network = NETWORKS[kind](300, 6, 2).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    out, at_once = served(twin, words, EDGES)
    assert at_once is not _extension.load()["available"]
    assert_close(out, network(words, EDGES))
