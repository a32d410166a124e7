"""What every accelerated layer owes: its names, its hooks, what it says of calls it declines."""

import copy
import pickle

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.nn import summary

from graphpoly.acceleration import accelerate, restore
from graphpoly.acceleration.swap import ACCELERATED
from graphpoly.testing import assert_close
from tests.acceleration.compare import check_same

PAIRS = torch.tensor([[0, 1, 2, 3, 4, 2, 1], [1, 2, 0, 4, 3, 4, 1]])
LAYERS = {
    pyg.APPNP: lambda: pyg.APPNP(K=3, alpha=0.1),
    pyg.ChebConv: lambda: pyg.ChebConv(4, 4, K=3),
    pyg.GATConv: lambda: pyg.GATConv(4, 4),
    pyg.GATv2Conv: lambda: pyg.GATv2Conv(4, 4),
    pyg.GCNConv: lambda: pyg.GCNConv(4, 4),
    pyg.GINConv: lambda: pyg.GINConv(torch.nn.Linear(4, 4)),
    pyg.GraphConv: lambda: pyg.GraphConv(4, 4),
    pyg.PNAConv: lambda: pyg.PNAConv(4, 4, ["mean", "max"], ["identity"], torch.tensor([1, 4, 1])),
    pyg.SAGEConv: lambda: pyg.SAGEConv(4, 4),
    pyg.SGConv: lambda: pyg.SGConv(4, 4, K=2),
    pyg.TAGConv: lambda: pyg.TAGConv(4, 4, K=2),
    pyg.TransformerConv: lambda: pyg.TransformerConv(4, 4),
}
STATIC = [kind for kind in LAYERS if "GAT" not in kind.__name__]
STATIC = [kind for kind in STATIC if kind not in (pyg.PNAConv, pyg.TransformerConv)]
TIES = {
    "max": lambda: pyg.SAGEConv(1, 1, aggr="max", root_weight=False, bias=False),
    "min": lambda: pyg.SAGEConv(1, 1, aggr="min", root_weight=False, bias=False),
}
every_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)


def features():
    return torch.randn(5, 4, dtype=torch.float64)


def twins(kind):
    plain = LAYERS[kind]().double()
    twin = copy.deepcopy(plain)
    accelerate(twin)
    return plain, twin


def test_every_layer_is_here():
    assert set(LAYERS) == set(ACCELERATED)


@every_layer
def test_the_names_are_the_originals(kind):
    plain, twin = twins(kind)
    assert type(twin) is not kind
    assert type(twin).__name__ == twin.__class__.__name__ == twin._get_name() == kind.__name__
    assert repr(twin) == repr(plain)
    for clone in (copy.deepcopy(twin), pickle.loads(pickle.dumps(twin))):
        assert type(clone) is type(twin)
        assert repr(clone) == repr(plain)
    assert isinstance(twin, kind)
    assert list(twin.state_dict()) == list(plain.state_dict())


@every_layer
def test_containers_print_what_they_printed(kind):
    def containers():
        layer = LAYERS[kind]()
        yield pyg.Sequential("x, e", [(layer, "x, e -> x")])
        yield pyg.GPSConv(4, layer, heads=2)
        yield torch.nn.ModuleList([layer])

    for container in containers():
        before = repr(container)
        accelerate(container)
        assert repr(container) == before


@every_layer
def test_the_summary_is_pygs(kind):
    plain, twin = twins(kind)
    pytest.importorskip("tabulate")
    assert summary(twin, features(), PAIRS) == summary(plain, features(), PAIRS)


@every_layer
def test_torchscript_is_refused_by_name(kind):
    _, twin = twins(kind)
    with pytest.raises(TypeError, match=rf"{kind.__name__} is accelerated.*restore\(model\)"):
        torch.jit.script(twin)
    with pytest.raises(TypeError, match="restore"):
        torch.jit.script(torch.nn.ModuleList([twin]))


@every_layer
def test_a_jit_trace_holds_no_graph(kind):
    if kind is pyg.ChebConv:
        pytest.skip("PyG's own trace of it holds the largest eigenvalue")
    plain, twin = twins(kind)
    x, other = features(), PAIRS.flip(0)
    traced = torch.jit.trace(twin, (x, PAIRS), check_trace=False)
    assert_close(traced(x, other), plain(x, other))


@every_layer
def test_maps_whose_bias_was_taken_away(kind):
    plain, twin = twins(kind)
    for layer in (plain, twin):
        for inner in layer.modules():
            if getattr(inner, "bias", None) is not None:
                inner.bias = None
    x = features()
    assert_close(twin(x, PAIRS), plain(x, PAIRS))


@pytest.mark.parametrize(("kind", "called"), [(pyg.ChebConv, [0, 1]), (pyg.TAGConv, [0])])
def test_every_map_of_a_series_is_called_as_a_module(kind, called):
    """PyG calls ``forward`` of the others, past what was hung on them."""
    plain, twin = twins(kind)
    seen = {layer: [] for layer in (plain, twin)}
    for layer, heard in seen.items():
        for place, lin in enumerate(layer.lins):
            lin.register_forward_hook(lambda *_, heard=heard, place=place: heard.append(place))
        layer(features(), PAIRS)
    assert seen[plain] == called
    assert seen[twin] == [0, 1, 2]


@every_layer
@pytest.mark.parametrize(
    "register",
    [
        lambda module, see: module.aggr_module.register_forward_hook(see),
        lambda module, see: module.aggr_module.register_forward_pre_hook(see),
        lambda module, see: module.aggr_module.register_full_backward_hook(see),
        lambda module, see: torch.nn.modules.module.register_module_forward_hook(
            lambda inner, *_: see() if inner is module.aggr_module else None
        ),
    ],
    ids=["forward", "forward_pre", "backward", "global"],
)
def test_no_hook_is_silenced(kind, register):
    _, twin = twins(kind)
    seen = []

    def see(*_):
        seen.append(1)

    x = features().requires_grad_()
    handle = register(twin, see)
    try:
        twin(x, PAIRS).sum().backward()
    finally:
        handle.remove()
    assert seen
    (called,) = accelerate(twin).declined.values()
    assert [reason.partition(":")[0] for reason in called] == ["hooks"]
    before, _ = len(seen), twin(x, PAIRS)
    assert len(seen) == before


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv], ids=lambda kind: kind.__name__)
def test_hooks_of_edge_features_see_them_in_the_order_of_the_edges(conv):
    plain = conv(4, 4, edge_dim=2).double()
    twin = copy.deepcopy(plain)
    accelerate(twin)
    seen = {}
    for name, layer in (("plain", plain), ("twin", twin)):
        layer.lin_edge.register_forward_hook(
            lambda module, inputs, out, name=name: seen.update({name: inputs[0]})
        )
        layer(features(), PAIRS, torch.arange(14, dtype=torch.float64).view(7, 2))
    assert torch.equal(seen["plain"], seen["twin"])


@pytest.mark.parametrize("kind", STATIC, ids=lambda kind: kind.__name__)
def test_many_signals_on_one_graph(kind):
    x = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    check_same(LAYERS[kind]().double(), x, PAIRS)
    check_same(LAYERS[kind]().double(), x.detach()[None].requires_grad_(), PAIRS)


@pytest.mark.parametrize("shape", [(3, 0, 4), (0, 5, 4), (0, 0, 4), (2, 0, 3, 4)])
@pytest.mark.parametrize("kind", STATIC, ids=lambda kind: kind.__name__)
def test_no_signals_or_no_nodes(kind, shape):
    if kind is pyg.ChebConv and not shape[-2]:
        pytest.skip("PyG takes the largest of no values")
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    pairs = PAIRS[:, :0] if shape[-2] == 0 else PAIRS.clamp(max=shape[-2] - 1)
    check_same(LAYERS[kind]().double(), x, pairs)


@pytest.mark.parametrize("aggr", ["mean", "max", "min"])
def test_many_signals_under_each_reduction(aggr):
    x = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    check_same(pyg.SAGEConv(4, 2, aggr=aggr).double(), x, PAIRS)


@pytest.mark.parametrize("aggr", TIES)
def test_the_gradient_of_a_tie_goes_to_the_first_of_the_edges(aggr):
    """As the documentation says; PyG divides it."""
    conv = TIES[aggr]()
    torch.nn.init.ones_(conv.lin_l.weight)
    pairs = torch.tensor([[2, 0, 1, 3], [4, 4, 4, 3]])  # node 2 is the first that 4 hears
    for value in (1.0, 0.0):
        x = torch.full((5, 1), value, requires_grad=True)
        accelerate(conv)
        (grad,) = torch.autograd.grad(conv(x, pairs)[4].sum(), x)
        assert grad.flatten().tolist() == [0, 0, 1, 0, 0]
        restore(conv)
        (theirs,) = torch.autograd.grad(conv(x, pairs)[4].sum(), x)
        assert_close(theirs[:3], torch.full((3, 1), 1 / 3 if value else 1 / 4))


def test_features_may_be_edited_after_the_layer():
    """Of features that alone want a gradient, the products hold nothing."""
    for kind in (pyg.GINConv, pyg.SAGEConv, pyg.GraphConv, pyg.APPNP):
        layer = LAYERS[kind]().double().requires_grad_(False)
        accelerate(layer)
        leaf = features().requires_grad_()
        x = leaf * 1
        out = layer(x, PAIRS)
        x.mul_(2)
        (grad,) = torch.autograd.grad(out.sum(), leaf)
        (right,) = torch.autograd.grad(layer(leaf, PAIRS).sum(), leaf)
        assert_close(grad, right)


@every_layer
def test_results_may_be_edited(kind):
    if kind in (pyg.GATConv, pyg.GATv2Conv):
        plain = kind(4, 4, bias=False).double()
    elif kind is pyg.TransformerConv:
        plain = kind(4, 4, bias=False, root_weight=False).double()
    else:
        plain = LAYERS[kind]().double()
    x = features().requires_grad_()
    check_same(_Edited(plain), x, PAIRS, original=kind)


class _Edited(torch.nn.Module):
    """A layer, and an activation in place after it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index):
        return self.layer(x, edge_index).relu_()


def test_the_report_counts_the_calls_that_ran_pygs_code():
    conv = pyg.GATConv(4, 4).double()
    report = accelerate(conv)
    assert report.declined == {}
    x = features()
    conv(x, PAIRS)
    assert accelerate(conv) == report
    conv(x, PAIRS, return_attention_weights=True)
    conv(x, PAIRS, return_attention_weights=True)
    reason = "return_attention_weights: a weight for each edge is not kept"
    assert accelerate(conv).declined == {"": {reason: 2}}
    assert str(accelerate(conv)).splitlines()[1] == (
        f"(model)  GATConv  ran PyG's code (calls: 2): {reason}"
    )
    assert accelerate(copy.deepcopy(conv)).declined == {}


def test_every_call_that_runs_pygs_code_has_a_reason():
    """The words name the argument; see ``uncovered_graph`` and each layer."""
    gcn, sage = pyg.GCNConv(4, 4).double(), pyg.SAGEConv(4, 4).double()
    x, weight = features(), torch.rand(7, dtype=torch.float64)
    dense = torch.eye(5, dtype=torch.float64)
    cases = [
        (gcn, (x, PAIRS, weight[:, None]), "edge_weight: got (7, 1)"),
        (gcn, (x, dense.to_sparse_csr().requires_grad_()), "edge_index: a sparse matrix that"),
        (sage, ((x, x[:5]), PAIRS, (5, 5)), None),
        (sage, ((x, x), PAIRS, (6, 5)), "size: 6 sources, x has 5"),
        (pyg.GATConv(4, 4), (x.float()[None], PAIRS), "x: got 3 axes"),
        (sage, ([x, x, x], PAIRS), "x: got list"),
        (sage, (x, PAIRS.float()), "edge_index: got shape (2, 7) of dtype torch.float32"),
    ]
    for layer, arguments, words in cases:
        twin = copy.deepcopy(layer)
        accelerate(twin)
        try:
            twin(*arguments)
        except Exception:  # what PyG says to it is PyG's affair
            assert words is not None
        found = list(accelerate(twin).declined.get("", {}))
        assert (found == []) if words is None else found[0].startswith(words), (found, words)
