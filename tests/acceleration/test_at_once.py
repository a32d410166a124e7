"""Networks whose layers are one operator, as they are, as parts of others and under modes."""

import copy
import pickle
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

import graphpoly.acceleration.gin_network as gin_network
import graphpoly.ops._extension as _extension
from graphpoly import accelerate
from graphpoly.acceleration import restore
from graphpoly.testing import assert_close, graph_zoo
from tests.acceleration.networks import (
    EDGES,
    LINEAR,
    NETWORKS,
    OPERATORS,
    WEIGHTS,
    compare,
    features,
    of,
    run,
    served,
    watched,
)

pytestmark = pytest.mark.usefixtures("sooner")

KINDS = {
    "GIN": (pyg.GIN, gin_network, "gin_network"),
    **{kind: (made, *OPERATORS[kind]) for kind, made in NETWORKS.items()},
}


class Around(nn.Module):
    """A network with a forward of its own, whose dropout is a function."""

    def __init__(self, layers, p=0.0):
        super().__init__()
        self.layers, self.p, self.lin = layers, p, nn.Linear(4, 2)

    def forward(self, x, edge_index):
        out = F.dropout(self.layers(x, edge_index), self.p, self.training)
        return self.lin(out.relu())


class Counted(TorchFunctionMode):
    """Somebody else who sees what is called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_another_network_goes_at_once(kind, depth):
    """The mode of the network around it, which sees to dropout, keeps nothing from it."""
    made, module, name = KINDS[kind]
    network = Around(made(5, 6, 3, 4)).double()
    network = network if depth == 1 else nn.Sequential(Nested(network)).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x = features().requires_grad_()
    call = network if depth == 1 else network[0]
    other = twin if depth == 1 else twin[0]
    with mock.patch.object(module, name, wraps=getattr(module, name)) as kernel:
        for training in (True, False):
            network.train(training), twin.train(training)
            out, expected = other(x, EDGES), call(x, EDGES)
            assert_close(out, expected)
            (found,) = torch.autograd.grad(out.sin().sum(), x)
            (wanted,) = torch.autograd.grad(expected.sin().sum(), x)
            assert_close(found, wanted)
    assert kernel.call_count == 2


class Nested(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, edge_index):
        return self.inner(x, edge_index)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_around_it_is_still_ours(kind):
    made, _, _ = KINDS[kind]
    network = Around(made(5, 6, 3, 4), p=0.5).double()
    accelerate(network)
    module = "graphpoly.acceleration.drops.dropped_input"
    with mock.patch(module, side_effect=lambda x, p, training: x * 0) as drop:
        out = network(features(), EDGES)
    assert drop.call_count == 1
    assert_close(out, network.lin.bias.expand(30, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mode_of_somebody_else_sees_the_layers(kind):
    made, module, name = KINDS[kind]
    network = made(5, 6, 3, 4).double()
    expected = network(features(), EDGES)
    accelerate(network)
    with (
        mock.patch.object(module, name, wraps=getattr(module, name)) as kernel,
        Counted() as counted,
    ):
        out = network(features(), EDGES)
    assert kernel.call_count == 0
    assert "relu" in counted.names
    assert_close(out, expected)


@pytest.mark.parametrize("kind", NETWORKS)
def test_layers_that_do_not_fit_fail_in_the_words_of_pytorch(kind):
    network = of(kind)()
    network.convs[1] = type(network.convs[1])(7, 6)
    accelerate(network)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        network(features().float(), EDGES)


@pytest.mark.parametrize("kind", NETWORKS)
def test_features_that_do_not_fit_fail_in_the_words_of_pytorch(kind):
    network = of(kind)()
    accelerate(network)
    for _ in range(2):
        network(features().float(), EDGES)
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
            network(features().float()[:, :4], EDGES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_of_graph(kind, dtype):
    for name, data in graph_zoo(num_features=5, dtype=dtype).items():
        torch.manual_seed(0)
        network = of(kind)().to(dtype)
        twin = copy.deepcopy(network)
        accelerate(twin)
        with watched(kind) as kernel:
            compare(network, twin, data.x, edges=data.edge_index, what=name)
        assert kernel.call_count == 1


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
        *([] if kind == "GAT" else [((x.expand(2, -1, -1), EDGES), {}, False)]),  # PyG asserts
        ((x, sparse), {}, False),
        ((x, EDGES), hops, False),
    ]:
        out, found = served(kind, twin, *args, **kwargs)
        assert found is at_once
        assert_close(out, network(*args, **kwargs))
    with pytest.raises(TypeError, match="multiple values"):
        twin(x, EDGES, None, edge_weight=None)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_out_of_range_is_left_to_the_original(kind):
    network = of(kind)().double()
    accelerate(network)
    with pytest.raises((IndexError, RuntimeError), match=r"larger than 29|out of bounds"):
        network(features(), torch.tensor([[30], [0]]))


@pytest.mark.parametrize("kind", KINDS)
def test_without_gradients_and_with_second_ones(kind):
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    with torch.no_grad():
        assert_close(twin(features(), EDGES), network(features(), EDGES))

    def penalty(model):
        x = features().requires_grad_()
        (slope,) = torch.autograd.grad(model(x, EDGES).sin().sum(), x, create_graph=True)
        total = slope.square().sum()
        return torch.autograd.grad(total, list(model.parameters()), allow_unused=True)

    for one, other in zip(penalty(twin), penalty(network), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other)


class Kept(nn.Dropout):
    def forward(self, x):
        return 3 * x


@pytest.mark.parametrize("other", [nn.Identity, Kept, nn.Tanh, nn.ReLU6])
@pytest.mark.parametrize("part", ["dropout", "act", "norms.1"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_module_in_the_place_of_what_stands_between(kind, part, other):
    network = of(kind)().double()
    network.set_submodule(part, other())
    twin = copy.deepcopy(network)
    accelerate(twin)
    for training in (True, False):
        network.train(training), twin.train(training)
        compare(network, twin, features())


@pytest.mark.parametrize("kind", KINDS)
def test_several_gradients_at_once(kind):
    network = of(kind)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    units = torch.eye(3, dtype=torch.float64)

    def rows(model):
        x = features().requires_grad_()
        out = model(x, EDGES)[:3].sum(1)
        wanted = [x, *model.parameters()]
        return torch.autograd.grad(out, wanted, units, is_grads_batched=True, allow_unused=True)

    for one, other in zip(rows(twin), rows(network), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other, kind="accumulated")


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
        out, found = served(kind, twin, features(), EDGES)
        assert found is at_once
        assert_close(out, network(features(), EDGES))
    seen = nn.modules.module.register_module_forward_hook(lambda *given: None)
    try:
        assert not served(kind, twin, features().float(), EDGES)[1]
    finally:
        seen.remove()
    assert served(kind, twin, features().float(), EDGES)[1]


@pytest.mark.parametrize("kind", NETWORKS)
def test_half_precision_autocast_and_transforms_run_the_modules(kind):
    network = of(kind)()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x = features().float()
    with torch.autocast("cpu", torch.bfloat16):
        out, at_once = served(kind, twin, x, EDGES)
        assert not at_once
        assert out.dtype == network(x, EDGES).dtype
    halved = copy.deepcopy(twin).bfloat16()
    out, at_once = served(kind, halved, x.bfloat16(), EDGES)
    assert not at_once
    assert out.dtype == torch.bfloat16
    with watched(kind) as kernel:
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
    first, at_once = served(kind, network, x, EDGES)
    assert not at_once
    out, at_once = served(kind, network, x, EDGES)
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
        out, at_once = served(kind, twin, features(), EDGES)
        assert at_once
        assert_close(out, expected)
        assert repr(twin) == printed
    restore(network)
    assert type(network) is NETWORKS[kind]
    out, at_once = served(kind, network, features(), EDGES)
    assert not at_once
    assert_close(out, expected)


@pytest.mark.parametrize("kind", NETWORKS)
def test_features_that_are_mostly_nothing_run_layer_by_layer(kind):
    generator = torch.Generator().manual_seed(0)
    words = (torch.rand(200, 300, generator=generator) < 0.01).double()
    network = NETWORKS[kind](300, 6, 2).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    out, at_once = served(kind, twin, words, EDGES)
    assert at_once is not _extension.load()["available"]
    assert_close(out, network(words, EDGES))
