"""Each layer, over its options and the graph zoo: outputs and all gradients are the original's."""

import copy
import itertools

import pytest
import torch
import torch_geometric.nn as pyg

from graphpoly import accelerate
from graphpoly.testing import ZOO, assert_close, graph_zoo
from tests.acceleration.compare import check_same

IN, OUT = 5, 3


def options(**choices):
    """Every combination, as keyword arguments."""
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


def name_of(value):
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in value) or "default"
    return getattr(value, "__name__", None)


def graphs(dtype=torch.float64, *, signed=False):
    """(name, features, pairs, weights) of each graph; features and weights require gradients."""
    for name, data in graph_zoo(weighted=True, num_features=IN, dtype=dtype).items():
        weight = data.edge_weight
        if name == "self_loops":  # several loops on one node: which one keeps its weight?
            again = torch.tensor([[0, 2], [0, 2]])
            data.edge_index = torch.cat([data.edge_index, again], dim=1)
            weight = torch.cat([weight, weight.new_tensor([0.3, 0.7])])
        if signed:
            weight = weight - 1
        yield name, data.x.requires_grad_(), data.edge_index, weight.requires_grad_()


def gin(**kwargs):
    return pyg.GINConv(torch.nn.Sequential(torch.nn.Linear(IN, OUT), torch.nn.Tanh()), **kwargs)


GCN = options(
    improved=[False, True], cached=[False, True], add_self_loops=[False, True], bias=[False, True]
)
GCN.append({"normalize": False})
SAGE = options(
    aggr=["sum", "mean", "max", "min"],
    normalize=[False, True],
    root_weight=[False, True],
    project=[False, True],
)
GIN = options(aggr=["add", "mean", "max"], train_eps=[False, True], eps=[0.5])
GRAPH = options(aggr=["add", "mean", "max", "min"], bias=[False, True])
SG = options(K=[0, 1, 3], cached=[False, True], add_self_loops=[False, True])
TAG = options(K=[0, 1, 3], normalize=[False, True], bias=[False, True])
CHEB = options(K=[1, 2, 4], normalization=["sym", "rw", None], bias=[False, True])
APPNP = options(K=[0, 1, 5], alpha=[0.1], cached=[False, True], add_self_loops=[False, True])
APPNP.append({"K": 3, "alpha": 0.2, "normalize": False})

UNWEIGHTED = [(pyg.SAGEConv, SAGE), (gin, GIN)]
WEIGHTED = [
    (pyg.GCNConv, GCN),
    (pyg.GraphConv, GRAPH),
    (pyg.SGConv, SG),
    (pyg.TAGConv, TAG),
    (pyg.APPNP, APPNP),
]


def build(conv, flags, dtype=torch.float64):
    if conv is gin:
        return gin(**flags).to(dtype)
    if conv is pyg.APPNP:
        return pyg.APPNP(**flags).to(dtype)
    return conv(IN, OUT, **flags).to(dtype)


def cases(families):
    return [
        pytest.param(conv, flags, id=f"{name_of(conv)}-{name_of(flags)}")
        for conv, choices in families
        for flags in choices
    ]


@pytest.mark.parametrize(("conv", "flags"), cases(UNWEIGHTED + WEIGHTED))
def test_without_weights(conv, flags):
    for _, x, pairs, _ in graphs():
        check_same(build(conv, flags), x, pairs)


@pytest.mark.parametrize(("conv", "flags"), cases(WEIGHTED))
def test_with_weights(conv, flags):
    if flags.get("cached"):
        pytest.skip("a cache that holds the graph of the first backward pass serves only one")
    for name, x, pairs, weight in graphs():
        if name == "self_loops" and flags.get("add_self_loops"):
            # of several loops the last one counts; PyG gives the others its gradient, too
            pairs, weight = pairs[:, :-2], weight[:-2].detach().requires_grad_()
        check_same(build(conv, flags), x, pairs, weight)


@pytest.mark.parametrize(("conv", "flags"), cases(WEIGHTED))
def test_with_constant_weights(conv, flags):
    for _, x, pairs, weight in graphs():
        check_same(build(conv, flags), x, pairs, weight.detach())


@pytest.mark.parametrize("flags", CHEB, ids=name_of)
def test_cheb_conv(flags):
    for name, x, pairs, weight in graphs():
        if name in ("no_edges", "one_node"):
            check_same(build(pyg.ChebConv, flags), x, pairs, lambda_max=2.0)
            continue
        check_same(build(pyg.ChebConv, flags), x, pairs)
        check_same(build(pyg.ChebConv, flags), x, pairs, weight.detach(), lambda_max=1.7)
        batch = torch.arange(x.size(0)) % 2
        scale = torch.tensor([1.5, 1.8], dtype=x.dtype)
        check_same(build(pyg.ChebConv, flags), x, pairs, None, batch, scale)


@pytest.mark.parametrize(
    ("conv", "flags"), [(conv, choices[-1]) for conv, choices in UNWEIGHTED + WEIGHTED]
)
def test_float32(conv, flags):
    for _, x, pairs, _ in graphs(torch.float32):
        check_same(build(conv, flags, torch.float32), x, pairs, kind="accumulated")


@pytest.mark.parametrize("conv", [pyg.SAGEConv, pyg.GraphConv], ids=name_of)
@pytest.mark.parametrize("aggr", ["sum", "mean", "max"])
def test_bipartite(conv, aggr):
    pairs = torch.tensor([[0, 1, 2, 3, 3, 0], [1, 1, 0, 2, 0, 1]])
    source = torch.randn(4, IN, dtype=torch.float64, requires_grad=True)
    target = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    layer = conv((IN, 2), OUT, aggr=aggr).double()
    check_same(layer, (source, target), pairs)
    check_same(layer, [source, target], pairs, size=(4, 3))
    check_same(layer, (source, None), pairs, size=(4, 3))
    check_same(layer, (source, None), pairs)
    check_same(layer, (source, target), pairs.flip(0)[:, :0])
    if conv is pyg.GraphConv:
        check_same(layer, (source, target), pairs, torch.rand(6).double(), (4, 3))


def test_gin_bipartite():
    source = torch.randn(4, IN, dtype=torch.float64)
    pairs = torch.tensor([[0, 1, 2, 3], [1, 1, 0, 0]])
    check_same(gin().double(), (source, source[:2]), pairs)
    check_same(gin().double(), (source, None), pairs, (4, 2))


@pytest.mark.parametrize("kept_as", [torch.nn.Buffer, torch.nn.Parameter])
def test_gin_with_an_epsilon_for_each_channel(kept_as):
    pairs = torch.tensor([[0, 1, 2, 3], [1, 1, 0, 0]])
    layer = gin().double()
    layer.eps = kept_as(torch.linspace(0, 1, IN, dtype=torch.float64))
    check_same(layer, torch.randn(4, IN, dtype=torch.float64, requires_grad=True), pairs)
    wide = pyg.GINConv(pyg.MLP([128, 128, OUT])).double()  # of sparse features the maps come first
    wide.eps = kept_as(torch.linspace(0, 1, 128, dtype=torch.float64))
    check_same(wide, torch.eye(128, dtype=torch.float64), pairs)


def test_of_several_loops_only_the_last_has_a_gradient():
    pairs = torch.tensor([[0, 0, 1, 0], [0, 1, 0, 0]])
    weight = torch.tensor([0.3, 1.0, 1.0, 0.7], dtype=torch.float64, requires_grad=True)
    layer = build(pyg.GCNConv, {})
    x = torch.randn(2, IN, dtype=torch.float64)
    twin = check_same(layer, x, pairs, weight.detach())
    torch.autograd.gradcheck(lambda weight: twin(x, pairs, weight), weight)
    twin(x, pairs, weight).sum().backward()
    assert weight.grad[0] == 0
    assert weight.grad[3] != 0


def test_appnp_drops_weights_like_the_original(monkeypatch):
    # the same layer with a dropout that draws nothing: the scale of what is kept remains
    monkeypatch.setattr("torch.nn.functional.dropout", lambda weight, p=0.5: weight / (1 - p))
    for _, x, pairs, _ in graphs():
        check_same(pyg.APPNP(3, 0.1, dropout=0.25), x, pairs)


def test_appnp_dropout_has_the_right_mean():
    x, pairs = torch.ones(2, 1), torch.tensor([[0, 1], [1, 0]])
    layer = pyg.APPNP(1, 0.5, dropout=0.5, add_self_loops=False)
    twin = check_same(layer.eval(), x.requires_grad_(), pairs).train()
    draws = torch.stack([twin(x, pairs) for _ in range(400)])
    assert set(draws.flatten().tolist()) == {0.5, 1.5}
    assert abs(float(draws.mean()) - 1) < 0.1


def test_the_zoo_is_complete():
    assert {name for name, *_ in graphs()} == set(ZOO)


@pytest.mark.parametrize("asks", [False, True])
def test_sgc_of_what_it_kept(asks):
    """The second call multiplies what the first kept, whatever it is given."""
    plain = build(pyg.SGConv, {"K": 2, "cached": True})
    conv = copy.deepcopy(plain)
    accelerate(conv)
    x = torch.randn(5, IN, dtype=torch.float64, requires_grad=asks)
    pairs = torch.tensor([[0, 1, 2, 3], [1, 2, 0, 4]])
    found = [conv(given, pairs) for given in (x, 2 * x)]
    expected = [plain(given, pairs) for given in (x, 2 * x)]
    assert_close(found[1], found[0])
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)
        grads = (
            torch.autograd.grad(out.square().sum(), layer.lin.weight)[0]
            for out, layer in ((one, conv), (other, plain))
        )
        assert_close(*grads)
    (grad,) = torch.autograd.grad(conv(x, pairs).sum(), x, allow_unused=True) if asks else (None,)
    assert grad is None
