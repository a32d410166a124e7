"""Networks that call dropout as a function: what it computes, and what else stays as it was."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from graphpoly import accelerate, restore
from graphpoly.acceleration.drops import dropped
from graphpoly.ops import dropout
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 2, 3, 4, 2, 1], [1, 2, 0, 4, 3, 4, 1]])
RATE = 0.4


class Net(nn.Module):
    """What PyG's examples look like."""

    def __init__(self, inner=6, drop=F.dropout):
        super().__init__()
        self.conv1, self.conv2 = pyg.GCNConv(inner, 8), pyg.GCNConv(8, 3)
        self.drop = drop

    def forward(self, x, edge_index, *, scale=1.0):
        """Run the network."""
        x = self.drop(x, p=RATE, training=self.training)
        x = self.conv1(x, edge_index).relu()
        x = self.drop(x, p=RATE, training=self.training)
        return scale * self.conv2(x, edge_index)

    def encode(self, x):
        return self.drop(x, RATE)


class Dropping(nn.Module):
    """Whatever is to be dropped, beside a layer that makes this a network."""

    def __init__(self, function):
        super().__init__()
        self.conv, self.function = pyg.GCNConv(2, 2), function

    def forward(self, *args):
        return self.function(*args)


def dropping(function):
    net = Dropping(function)
    accelerate(net)
    return net


def seeded(function, *args):
    torch.manual_seed(3)
    return function(*args)


@pytest.mark.parametrize("bag", [False, True])
def test_it_drops_what_the_operator_drops(bag):
    torch.manual_seed(0)
    x, edges = torch.randn(150, 140).double(), torch.randint(150, (2, 500))
    if bag:
        x = x * (torch.rand(150, 140) < 0.05)
    plain = Net(140, drop=dropout).double()
    net = Net(140).double()
    net.load_state_dict(plain.state_dict())
    accelerate(net)
    found, wanted = seeded(net, x, edges), seeded(plain, x, edges)
    assert_close(found, wanted)
    probe = torch.randn_like(wanted)
    grads = [
        torch.autograd.grad(out, list(module.parameters()), probe)
        for out, module in ((found, net), (wanted, plain))
    ]
    for one, other in zip(*grads, strict=True):
        assert_close(one, other, kind="accumulated")
    assert torch.equal(net.eval()(x, edges), Net.forward(net, x, edges))


def test_nothing_but_its_numbers_changes():
    plain = Net()
    net = copy.deepcopy(plain)
    net.note = "kept"
    printed, state = str(net), net.state_dict()
    accelerate(net)
    assert type(net) is not Net
    assert isinstance(net, Net)
    assert (type(net).__name__, type(net).__qualname__) == ("Net", "Net")
    assert type(net).__doc__ == Net.__doc__
    assert (str(net), list(net.state_dict()), net.note) == (printed, list(state), "kept")
    assert inspect.signature(net.forward) == inspect.signature(plain.forward)
    x = torch.randn(5, 6)
    assert_close(net.eval()(x, EDGES, scale=2.0), plain.eval()(x, EDGES, scale=2.0))
    kind = type(net)
    accelerate(net)
    assert type(net) is kind
    other = Net()
    accelerate(other)
    assert type(other) is kind
    assert restore(net) == ["conv1", "conv2"]
    assert type(net) is Net


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_drop_likewise(clone):
    net = Net()
    accelerate(net)
    twin = clone(net)
    assert type(twin) is type(net)
    x = torch.randn(5, 6)
    assert torch.equal(seeded(twin, x, EDGES), seeded(net, x, EDGES))
    restore(twin)
    assert type(twin) is Net


def test_a_class_of_a_function_is_copied_and_no_more_pickled_than_before():
    class Local(Net):
        pass

    net = Local()
    accelerate(net)
    assert type(copy.deepcopy(net)) is type(net)
    with pytest.raises((AttributeError, pickle.PicklingError), match="Local"):
        pickle.dumps(net)


def test_a_recipe_of_its_own_is_followed():
    class Own(Net):
        def __reduce__(self):
            return Net, ()

    net = Own()
    accelerate(net)
    assert type(copy.copy(net)) is Net


def test_arguments_are_pytorchs():
    x = torch.randn(40, 50)
    assert torch.equal(seeded(dropping(F.dropout), x), seeded(dropout, x, 0.5))
    assert dropping(lambda x: F.dropout(x, 0.0))(x) is x
    assert dropping(lambda x: F.dropout(x, training=False))(x) is x
    assert dropping(lambda x: F.dropout(input=x, p=1.0))(x).count_nonzero() == 0
    given = x.clone()
    out = dropping(lambda x: F.dropout(x, 1.0, inplace=True))(given)
    assert out is given
    assert given.count_nonzero() == 0
    with pytest.raises(ValueError, match="probability"):
        dropping(lambda x: F.dropout(x, 1.5))(x)
    with pytest.raises(ValueError, match="probability"):
        dropped(x, -0.5)
    assert dropping(F.dropout)(x.half()).dtype == torch.float16
    with pytest.raises(NotImplementedError):
        dropping(F.dropout)(x.to(torch.complex64))


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_checkpoint_runs_twice_is_the_same_twice(reentrant):
    x = torch.randn(30, 20, requires_grad=True)
    net = dropping(lambda x: checkpoint(F.dropout, x, 0.5, use_reentrant=reentrant))
    out = net(x)
    (grad,) = torch.autograd.grad(out.sum(), x) if not reentrant else (None,)
    if reentrant:
        out.sum().backward()
        grad = x.grad
    assert_close(grad * x.detach(), out.detach())
    assert 0 < out.count_nonzero() < 600


def test_without_gradients_it_is_pytorchs():
    """A checkpoint of old runs so, and runs again without the network."""
    x = torch.randn(30, 20)
    with torch.no_grad():
        assert torch.equal(seeded(dropping(F.dropout), x), seeded(F.dropout, x))


def test_a_network_within_is_served_and_a_method_is_not():
    encoder = Net()
    model = pyg.GAE(encoder)
    accelerate(model)
    x = torch.randn(5, 6)
    twin = Net(drop=dropout)
    twin.load_state_dict(encoder.state_dict())
    assert_close(seeded(model.encode, x, EDGES), seeded(twin, x, EDGES))
    assert torch.equal(seeded(encoder.encode, x), seeded(F.dropout, x, RATE))


def test_modules_that_it_runs_are_served():
    net = dropping(pyg.MLP([50, 3], plain_last=False, dropout=0.5, norm=None, act=None))
    net.function.lins[0] = nn.Identity()
    x = torch.randn(40, 50)
    assert torch.equal(seeded(net, x), seeded(dropout, x))


def test_hooks_run():
    net, seen = Net(), []
    accelerate(net)
    net.register_forward_pre_hook(lambda module, given: seen.append("before"))
    net.register_forward_hook(lambda module, given, out: seen.append("after"))
    net(torch.randn(5, 6), EDGES)
    assert seen == ["before", "after"]


def test_others_threads_and_what_comes_after_are_not_touched():
    x = torch.randn(40, 50)
    found = []

    def elsewhere(x):
        worker = threading.Thread(target=lambda: found.append(seeded(F.dropout, x)))
        worker.start()
        worker.join()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dropping(elsewhere)(x)
    expected = seeded(dropout, x)
    assert not torch.equal(found[0], expected)
    assert torch.equal(seeded(F.dropout, x), found[0])
    assert torch._C._len_torch_function_stack() == 0


def test_modes_of_others_see_every_function():
    class Notes(TorchFunctionMode):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.seen.append(getattr(func, "__name__", ""))
            return func(*args, **(kwargs or {}))

    def within(x):
        with Notes() as notes:
            F.dropout(x).relu()
        assert {"dropout", "relu"} <= set(notes.seen)
        return x.sigmoid()

    with Notes() as notes:
        dropping(within)(torch.randn(4, 5))
    assert "sigmoid" in notes.seen


def test_layers_are_run_apart_from_it():
    """Their many small calls would each pass through it, and their dropout is theirs."""
    conv = pyg.GINConv(nn.Sequential(nn.Linear(2, 2)))
    depth = []
    conv.nn.register_forward_hook(
        lambda *_: depth.append(torch._C._len_torch_function_stack()), always_call=True
    )
    net = dropping(lambda x: (conv(x, EDGES), F.dropout(x))[1])
    accelerate(conv)
    x = torch.randn(5, 2)
    torch.manual_seed(3)
    out = net(x)
    assert depth == [0]
    assert torch.equal(out, seeded(dropout, x))
    with pytest.raises(RuntimeError):
        net(torch.randn(5, 3))
    assert torch._C._len_torch_function_stack() == 0


def test_programs_and_transforms_are_pytorchs():
    net, x = Net(), torch.randn(5, 6)
    accelerate(net)
    expected = copy.deepcopy(net.eval())(x, EDGES)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert_close(compiled(x, EDGES), expected)
    net.train()
    assert compiled(x, EDGES).isfinite().all()
    program = torch.export.export(net, (x, EDGES), strict=False)
    assert any("dropout" in str(node.target) for node in program.graph.nodes)
    traced = torch.jit.trace(net.eval(), (x, EDGES), check_trace=False)
    assert_close(traced(x, EDGES), expected)
    state = dict(net.named_parameters())
    grads = torch.func.grad(lambda state: torch.func.functional_call(net, state, (x, EDGES)).sum())
    assert grads(state)["conv2.bias"].shape == (3,)
    with pytest.raises(TypeError, match="restore"):
        torch.jit.script(net)


def test_an_inner_program_is_left_as_it_is():
    inner = torch.compile(lambda x: F.dropout(x).relu(), backend="eager")
    out = dropping(inner)(torch.ones(40, 50))
    assert set(out.unique().tolist()) == {0.0, 2.0}


def test_lists_of_classes_get_no_more():
    known = []

    class Listed(Net):
        def __init_subclass__(cls, name, **kwargs):
            known.append(name)

    net = Listed()
    accelerate(net)
    assert isinstance(net, Listed)
    assert type(net) is not Listed
    assert known == []


def test_what_is_left_alone():
    class Meta(type):
        pass

    class Odd(Net, metaclass=Meta):
        pass

    class Own(pyg.GCNConv):
        pass

    alone = nn.Sequential(nn.Linear(2, 2))
    kinds = {
        "dict": nn.ModuleDict({"conv": pyg.GCNConv(2, 2)}),
        "list": nn.ModuleList([pyg.GCNConv(2, 2)]),
        "basic": pyg.PNA(2, 2, 2, aggregators=["sum"], scalers=["identity"], deg=torch.ones(3)),
        "odd": Odd(),
        "alone": alone,
        "own": Own(2, 2),
    }
    before = {name: type(module) for name, module in kinds.items()}
    for module in kinds.values():
        accelerate(module)
    assert {name: type(module) for name, module in kinds.items()} == before
