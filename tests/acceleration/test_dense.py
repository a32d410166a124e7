"""Linear maps and perceptrons of accelerated layers: the modules' own values, state and hooks."""

import copy
from types import MethodType
from unittest import mock

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

import graphpoly.acceleration.dense as dense
from graphpoly import accelerate
from graphpoly.acceleration.dense import mapped, perceived
from graphpoly.testing import assert_close

pytestmark = pytest.mark.usefixtures("sooner")

IN, HIDDEN, OUT = 5, 7, 3


def x(rows=6, dtype=torch.float64):
    generator = torch.Generator().manual_seed(rows)
    return torch.randn(rows, IN, generator=generator, dtype=dtype).requires_grad_()


def sequence(*between, behind=()):
    return nn.Sequential(nn.Linear(IN, HIDDEN), *between, nn.Linear(HIDDEN, OUT), *behind)


NORM = nn.BatchNorm1d
SERVED = {
    "plain": lambda: sequence(nn.ReLU()),
    "norm": lambda: sequence(NORM(HIDDEN), nn.ReLU(inplace=True)),
    "norm without weights": lambda: sequence(NORM(HIDDEN, affine=False, eps=0.1), nn.ReLU()),
    "norm without memory": lambda: sequence(NORM(HIDDEN, track_running_stats=False), nn.ReLU()),
    "mean of all batches": lambda: sequence(NORM(HIDDEN, momentum=None), nn.ReLU()),
    "more behind": lambda: sequence(nn.ReLU(), behind=[NORM(OUT), nn.ReLU(), nn.Dropout(0)]),
    "three maps": lambda: sequence(nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()),
    "no bias": lambda: nn.Sequential(
        nn.Linear(IN, HIDDEN, bias=False), nn.ReLU(), pyg.Linear(HIDDEN, OUT, bias=False)
    ),
    "MLP": lambda: pyg.MLP([IN, HIDDEN, OUT]),
    "MLP without norm": lambda: pyg.MLP([IN, HIDDEN, OUT], norm=None),
}


def doubled(module, given):
    return 2 * type(module).forward(module, given)


def replaced(layers, place):
    layers[place].forward = MethodType(doubled, layers[place])
    return layers


def forgetful():
    norm = NORM(HIDDEN)
    norm.track_running_stats = False
    return sequence(norm, nn.ReLU())


def uncounted(**settings):
    norm = NORM(HIDDEN, **settings)
    norm.num_batches_tracked = None
    return sequence(norm, nn.ReLU())


def without_its_norm(mlp):
    mlp.norms[0].module = nn.Identity()
    return mlp


def hooked(layers):
    layers[2].register_forward_hook(lambda module, given, out: out * 2)
    return layers


SERVED |= {
    "batches are not counted": uncounted,
    "mean of batches that are not counted": lambda: uncounted(momentum=None),
}
LEFT = {
    "another activation": lambda: sequence(nn.Tanh()),
    "another norm": lambda: sequence(nn.LayerNorm(HIDDEN), nn.ReLU()),
    "a hook": lambda: hooked(sequence(nn.ReLU())),
    "a norm that keeps its moments": forgetful,
    "a map of its own": lambda: replaced(sequence(nn.ReLU()), 0),
    "a norm of its own": lambda: replaced(sequence(NORM(HIDDEN), nn.ReLU()), 1),
    "an activation of its own": lambda: replaced(sequence(nn.ReLU()), 1),
    "a last map of its own": lambda: replaced(sequence(nn.ReLU()), 2),
    "weights made of others": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(IN, HIDDEN)),
        nn.ReLU(),
        nn.Linear(HIDDEN, OUT),
    ),
    "a map": lambda: nn.Linear(IN, OUT),
    "an identity": nn.Identity,
    "MLP with dropout": lambda: pyg.MLP([IN, HIDDEN, OUT], dropout=1.0, norm=None),
    "MLP that acts first": lambda: pyg.MLP([IN, HIDDEN, OUT], act_first=True),
    "MLP of three": lambda: pyg.MLP([IN, HIDDEN, HIDDEN, OUT], norm=None),
    "MLP with another activation": lambda: pyg.MLP([IN, HIDDEN, OUT], act="elu"),
    "MLP whose norm was taken away": lambda: without_its_norm(pyg.MLP([IN, HIDDEN, OUT])),
    "MLP not plain": lambda: pyg.MLP([IN, HIDDEN, OUT], plain_last=False),
}


def run(call, module, given):
    leaf = given.detach().requires_grad_()
    out = call(module, leaf)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    wanted = [leaf, *module.parameters()]
    return out, torch.autograd.grad(out, wanted, probe, allow_unused=True)


def apply(module, given):
    return module(given)


@pytest.mark.parametrize("name", SERVED | LEFT)
def test_the_module_and_its_twin(name):
    """Three steps, so that what is remembered of batches shows, and one in eval mode."""
    torch.manual_seed(0)
    module = (SERVED | LEFT)[name]().double()
    twin = copy.deepcopy(module)
    with mock.patch.object(dense, "perceptron", wraps=dense.perceptron) as kernel:
        for step in range(4):
            module.train(step < 3), twin.train(step < 3)
            expected, grads = run(apply, module, x(4 + step))
            out, found = run(perceived, twin, x(4 + step))
            assert_close(out, expected)
            for one, other in zip(found, grads, strict=True):
                assert (one is None) == (other is None)
                if one is not None:
                    assert_close(one, other, kind="accumulated")
            for key, value in module.state_dict().items():
                assert_close(twin.state_dict()[key].double(), value.double(), what=key)
    steps = 1 if name == "MLP with dropout" else 0  # without dropout in eval mode
    assert kernel.call_count == (4 if name in SERVED else steps)


GRAPH = torch.tensor([[0, 1, 1, 2, 4, 4], [1, 0, 2, 1, 4, 0]])
LAYERS = {  # and whether all of one is one operator
    "sum": (lambda nn: pyg.GINConv(nn, eps=0.5), True),
    "learned share": (lambda nn: pyg.GINConv(nn, train_eps=True), False),
    "mean": (lambda nn: pyg.GINConv(nn, aggr="mean"), False),
}


@pytest.mark.parametrize("perceptron", ["plain", "norm", "MLP", "three maps", "another norm"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_whole_layer_and_its_twin(name, perceptron):
    torch.manual_seed(0)
    make, whole = LAYERS[name]
    conv = make((SERVED | LEFT)[perceptron]()).double()
    twin = copy.deepcopy(conv)
    accelerate(twin)
    with mock.patch.object(dense, "gin_layer", wraps=dense.gin_layer) as kernel:
        for step in range(4):
            conv.train(step < 3), twin.train(step < 3)
            expected, grads = run(lambda conv, x: conv(x, GRAPH), conv, x(5 + step))
            out, found = run(lambda conv, x: conv(x, GRAPH), twin, x(5 + step))
            assert_close(out, expected)
            for one, other in zip(found, grads, strict=True):
                assert_close(one, other, kind="accumulated")
            for key, value in conv.state_dict().items():
                assert_close(twin.state_dict()[key].double(), value.double(), what=key)
    assert kernel.call_count == (4 if whole and perceptron in SERVED else 0)


@pytest.mark.parametrize("name", ["norm", "another activation"])
def test_a_sequence_of_its_own(name):
    module = (SERVED | LEFT)[name]().double()
    twin = dense.Perceptron(*copy.deepcopy(module))
    assert module.state_dict().keys() == twin.state_dict().keys()
    for one, other in zip(run(apply, twin, x())[1], run(apply, module, x())[1], strict=True):
        assert_close(one, other, kind="accumulated")


def test_a_norm_that_is_frozen_while_the_rest_is_trained():
    module = sequence(NORM(HIDDEN), nn.ReLU()).double()
    module[1].running_mean.fill_(0.5)
    module[1].eval()
    held = copy.deepcopy(module[1].state_dict())
    expected, grads = run(apply, module, x())
    out, found = run(perceived, module, x())
    assert_close(out, expected)
    for one, other in zip(found, grads, strict=True):
        assert_close(one, other)
    assert all(torch.equal(held[key], value) for key, value in module[1].state_dict().items())


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("name", ["plain", "norm", "MLP"])
def test_few_rows_are_as_the_module_has_them(rows, name):
    module = SERVED[name]().double()
    try:
        expected = module(x(rows))
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            perceived(module, x(rows))
    else:
        assert_close(perceived(module, x(rows)), expected)


def test_half_precision_and_autocast_are_the_modules_own():
    module = sequence(nn.ReLU())
    given = x(dtype=torch.float32)
    with mock.patch.object(dense, "perceptron", side_effect=AssertionError):
        with torch.autocast("cpu", torch.bfloat16):
            assert perceived(module, given).dtype == torch.bfloat16
            assert mapped(module[0], given).dtype == torch.bfloat16
        assert perceived(module.bfloat16(), given.bfloat16()).dtype == torch.bfloat16
    with pytest.raises(RuntimeError):
        perceived(module.float(), given.double())  # as the module itself would
    with pytest.raises(RuntimeError):
        mapped(module[0], given[:, :2])


def test_transforms_of_functions_see_the_modules():
    module = dense.Perceptron(*SERVED["plain"]()).double()
    given = x().detach()
    apart = torch.func.vmap(module)(given.view(2, 3, IN))
    assert_close(apart.view(6, OUT), module(given))
    out, tangent = torch.func.jvp(module, (given,), (torch.ones_like(given),))
    assert_close(out, module(given))
    assert_close(tangent, torch.func.jacrev(module)(given).sum((2, 3)))


def test_hooks_of_all_modules_see_those_of_a_perceptron():
    module, seen = dense.Perceptron(*sequence(nn.ReLU())).double(), []
    handle = register_module_forward_hook(lambda module, given, out: seen.append(type(module)))
    try:
        module(x())
    finally:
        handle.remove()
    assert seen == [nn.Linear, nn.ReLU, nn.Linear, dense.Perceptron]


def test_one_map_and_two():
    lin, root = nn.Linear(IN, OUT).double(), pyg.Linear(IN, OUT, bias=False).double()
    given, beside = x(), x(7)[:6]
    with mock.patch.object(dense, "linear", wraps=dense.linear) as kernel:
        assert_close(mapped(lin, given), lin(given))
        assert_close(mapped(lin, given, root, beside), lin(given) + root(beside))
        assert kernel.call_count == 2
        root.register_forward_pre_hook(lambda module, given: (given[0] * 2,))
        assert_close(mapped(lin, given, root, beside), lin(given) + root(beside))
        lazy = pyg.Linear(-1, OUT).double()
        assert_close(mapped(lazy, given), lazy(given))
        assert kernel.call_count == 2
