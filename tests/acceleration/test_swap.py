"""What a module keeps and what it gains when its class is exchanged, and when PyG's code runs."""

import copy
import inspect
import pickle

import pytest
import torch
import torch_geometric.nn as pyg
from torch.nn.utils import parametrize
from torch_geometric.explain import Explainer, GNNExplainer, GraphMaskExplainer

import graphpoly
from graphpoly.acceleration import accelerate, restore
from graphpoly.acceleration.swap import ACCELERATED
from graphpoly.testing import assert_close
from tests.acceleration.compare import check_same

PAIRS = torch.tensor([[0, 1, 2, 3, 4, 2, 1], [1, 2, 0, 4, 3, 4, 1]])


def features(size=4):
    return torch.randn(5, size, dtype=torch.float64)


LEARNS_FROM_INFERENCE = {
    "GINConv": lambda: pyg.GINConv(pyg.MLP([4, 6, 3])),
    "GIN": lambda: pyg.GIN(4, 6, 2, 3),
    "PNAConv": lambda: pyg.PNAConv(4, 4, ["mean", "max"], ["identity"], torch.tensor([1, 4, 1])),
}


def gcn():
    return pyg.GCN(4, 8, num_layers=2, out_channels=3).double()


@pytest.mark.parametrize("original", ACCELERATED, ids=lambda kind: kind.__name__)
def test_signature_is_the_originals(original):
    wanted = inspect.signature(original.forward).parameters
    found = inspect.signature(ACCELERATED[original].forward).parameters
    assert [(p.name, p.default, p.kind) for p in found.values()] == [
        (p.name, p.default, p.kind) for p in wanted.values()
    ]


def test_a_model_keeps_its_state_and_its_results():
    model = gcn()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = features()
    expected = model(x, PAIRS)
    report = graphpoly.accelerate(model)
    assert report.accelerated == {"convs.0": "GCNConv", "convs.1": "GCNConv"}
    assert report.left_alone == {}
    assert isinstance(model.convs[0], pyg.GCNConv)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
    assert_close(model(x, PAIRS), expected)
    other = gcn()
    other.load_state_dict(model.state_dict())
    assert_close(other(x, PAIRS), expected)


def test_again_changes_nothing_and_restore_undoes():
    model = gcn()
    kinds = [type(module) for module in model.modules()]
    first = accelerate(model)
    swapped = [type(module) for module in model.modules()]
    assert swapped != kinds
    assert accelerate(model) == first
    assert [type(module) for module in model.modules()] == swapped
    assert graphpoly.restore(model) == ["convs.0", "convs.1"]
    assert [type(module) for module in model.modules()] == kinds
    assert restore(model) == []


class Doubled(torch.nn.Module):
    def forward(self, weight):
        return 2 * weight


class Shifted(torch.nn.Module):
    """A network with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.bias = pyg.GCNConv(4, 3), torch.nn.Parameter(torch.ones(3))

    def forward(self, x, edge_index):
        return self.conv(x, edge_index) + self.bias


@pytest.mark.parametrize("make", [Shifted, lambda: pyg.GCNConv(4, 3), lambda: pyg.GATConv(4, 3)])
def test_what_a_parametrization_reads_is_restored_with_it(make):
    plain, x = make().double(), features()
    torch.nn.init.normal_(plain.bias)
    twin = copy.deepcopy(plain)
    accelerate(twin)
    for network in (plain, twin):
        parametrize.register_parametrization(network, "bias", Doubled())
    restore(twin)
    assert_close(twin(x, PAIRS), plain(x, PAIRS))
    for network in (plain, twin):
        parametrize.remove_parametrizations(network, "bias")
    assert type(twin) is type(plain)
    assert_close(twin(x, PAIRS), plain(x, PAIRS))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_accelerated_too(clone):
    model, x = gcn(), features()
    expected = model(x, PAIRS)
    accelerate(model)
    twin = clone(model)
    assert [type(module) for module in twin.modules()] == [type(m) for m in model.modules()]
    assert_close(twin(x, PAIRS), expected)
    # generated methods belong to the original class: explain mode must find the plain ones
    assert "propagate" not in type(twin.convs[0]).__dict__
    for conv in (*model.convs, *twin.convs):
        conv.explain, conv._edge_mask, conv._apply_sigmoid = True, torch.ones(7).double(), False
        conv._loop_mask = PAIRS[0] != PAIRS[1]
    assert_close(twin(x, PAIRS), expected)


def test_the_report_names_what_it_left_alone():
    class Own(pyg.GCNConv):
        def message(self, x_j, edge_weight):
            return -x_j

    linear = torch.nn.Linear(4, 4)
    model = torch.nn.ModuleDict(
        {
            "known": pyg.SAGEConv(4, 4),
            "edges": pyg.GINEConv(linear),
            "unknown": pyg.ARMAConv(4, 4),
            "own": Own(4, 4),
            "flow": pyg.GCNConv(4, 4, flow="target_to_source"),
            "aggr": pyg.SAGEConv(4, 4, aggr="median"),
            "linear": linear,
        }
    )
    report = accelerate(model)
    assert report.accelerated == {"known": "SAGEConv"}
    assert report.left_alone == {
        "edges": "GINEConv: a ReLU of node and edge features together is needed for each edge",
        "unknown": "ARMAConv: no kernel for this layer",
        "own": "Own: a subclass of GCNConv, which may compute something else",
        "flow": "GCNConv: flow='target_to_source': the operators aggregate at the target",
        "aggr": "SAGEConv: aggr='median': accelerated are sum, mean, max and min",
    }
    assert str(report).splitlines()[0] == "known    SAGEConv  accelerated"
    assert str(report).splitlines()[2] == "unknown  ARMAConv  left alone: no kernel for this layer"
    assert str(accelerate(torch.nn.Linear(1, 1))) == "no message-passing layers"


def test_a_layer_by_itself():
    conv = pyg.GCNConv(4, 3)
    assert str(accelerate(conv)) == "(model)  GCNConv  accelerated"
    assert restore(conv) == [""]


def test_a_flag_changed_later_runs_the_original():
    conv = pyg.GCNConv(4, 3).double()
    accelerate(conv)
    conv.flow = "target_to_source"
    plain = copy.deepcopy(conv)
    restore(plain)
    x = features()
    assert torch.equal(conv(x, PAIRS), plain(x, PAIRS))


def test_uncovered_calls_run_the_original():
    x = features().requires_grad_()
    weight = torch.rand(7, dtype=torch.float64)
    check_same(pyg.GCNConv(4, 3, normalize=False).double(), x, PAIRS, weight[:, None], fast=False)
    check_same(pyg.GCNConv(4, 3, aggr="max").double(), x, PAIRS, fast=False)
    check_same(pyg.SAGEConv(4, 3, aggr=["max", "mean"]).double(), x, PAIRS, fast=False)
    check_same(pyg.GCNConv(4, 3, decomposed_layers=2).double(), x, PAIRS, fast=False)
    hooked = pyg.SAGEConv(4, 3).double()
    hooked.register_message_forward_hook(lambda module, inputs, out: 2 * out)
    check_same(hooked, x, PAIRS, fast=False)
    hooked = pyg.SAGEConv(4, 3).double()
    hooked.register_propagate_forward_hook(lambda module, inputs, out: 2 * out)
    check_same(hooked, x, PAIRS, fast=False)
    patched = pyg.SAGEConv(4, 3).double()
    patched.message = lambda x_j: 3 * x_j
    check_same(patched, x, PAIRS, fast=False)


@pytest.mark.parametrize("make", [lambda: pyg.GCNConv(4, 3), lambda: pyg.SAGEConv(4, 3)])
def test_errors_are_the_originals(make):
    conv, twin = make(), make()
    accelerate(twin)
    x = torch.randn(3, 4)
    for pairs in (torch.tensor([[0, 5], [1, 0]]), torch.tensor([[0, -1], [1, 0]]), None):
        with pytest.raises(Exception) as expected:
            conv(x, pairs)
        with pytest.raises(expected.type):
            twin(x, pairs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pyg.GCN(4, 4, 2, 2),
        lambda: pyg.GAT(4, 4, 2, 2),
        lambda: pyg.GraphSAGE(4, 4, 2, 2),
        lambda: pyg.Sequential(
            "x, edge_index", [(pyg.GraphConv(4, 4), "x, edge_index -> x"), pyg.Linear(4, 2)]
        ),
    ],
    ids=["GCN", "GAT", "GraphSAGE", "GraphConv"],
)
def test_explained_by_gates_of_messages_as_before(make):
    model = make().eval()
    layers = sum(isinstance(each, pyg.MessagePassing) for each in model.modules())
    x, found = torch.randn(5, 4), []
    for net in (copy.deepcopy(model), model):
        if net is model:
            accelerate(net)
        torch.manual_seed(3)
        explainer = Explainer(
            net,
            GraphMaskExplainer(layers, epochs=3, log=False),
            explanation_type="model",
            node_mask_type="attributes",
            edge_mask_type="object",
            model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
        )
        found.append(explainer(x, PAIRS))
    assert torch.equal(found[0].edge_mask, found[1].edge_mask)
    assert torch.equal(found[0].node_mask, found[1].node_mask)


def test_explain_mode_runs_the_original():
    model = pyg.GCN(4, 8, num_layers=2, out_channels=3)
    accelerate(model)
    explainer = Explainer(
        model,
        GNNExplainer(epochs=2),
        explanation_type="model",
        edge_mask_type="object",
        node_mask_type="attributes",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    explanation = explainer(torch.randn(5, 4), PAIRS, index=1)
    assert explanation.edge_mask.count_nonzero() > 0  # it reads the gradient of each message


def test_what_is_remembered_is_the_graph_of_now():
    conv = pyg.GCNConv(4, 3).double()
    pairs, weight, x = PAIRS.clone(), torch.rand(7, dtype=torch.float64), features()
    twin = check_same(conv, x, pairs, weight)
    weight[0] = 5.0
    assert_close(twin(x, pairs, weight), conv(x, pairs, weight))
    assert_close(twin(x, pairs, 2 * weight), conv(x, pairs, 2 * weight))
    pairs[0, 0] = 3
    assert_close(twin(x, pairs, weight), conv(x, pairs, weight))
    x = torch.randn(9, 4, dtype=torch.float64)  # the same edges on more nodes
    assert_close(twin(x, pairs, weight), conv(x, pairs, weight))
    assert_close(twin(x, pairs), conv(x, pairs))


def test_training_after_inference_mode():
    conv, x = pyg.GCNConv(4, 3).double(), features().requires_grad_()
    twin = copy.deepcopy(conv)
    accelerate(twin)
    pairs = PAIRS.clone()
    with torch.inference_mode():
        first = twin(x, pairs)
    with torch.no_grad():
        assert torch.equal(twin(x, pairs), first)
    assert_close(twin(x, pairs), first.clone())
    check_same(conv, x, pairs)


@pytest.mark.usefixtures("sooner")
@pytest.mark.parametrize("kind", LEARNS_FROM_INFERENCE)
def test_features_of_inference_mode_are_learned_from(kind):
    """Where PyG's own layer learns from them: PyTorch keeps none of them for a gradient."""
    layer = LEARNS_FROM_INFERENCE[kind]().double()
    twin = copy.deepcopy(layer)
    accelerate(twin)
    with torch.inference_mode():
        x = features()
    found = []
    for each in (layer, twin):
        out = each(x, PAIRS)
        found.append([out, *torch.autograd.grad(out.sin().sum(), list(each.parameters()))])
    for one, other in zip(*found, strict=True):
        assert_close(other, one, kind="accumulated")


def test_second_derivatives():
    conv = pyg.GCNConv(4, 3).double()
    accelerate(conv)
    x = features().requires_grad_()
    torch.autograd.gradgradcheck(lambda x: conv(x, PAIRS).tanh(), x)


def test_transforms_and_traces_run_the_original():
    conv, x = pyg.GCNConv(4, 3).double(), features()
    twin = copy.deepcopy(conv)
    accelerate(twin)
    tangent = torch.randn_like(x)
    expected = torch.func.jvp(lambda x: conv(x, PAIRS), (x,), (tangent,))
    actual = torch.func.jvp(lambda x: twin(x, PAIRS), (x,), (tangent,))
    assert_close(actual[1], expected[1])
    traced = torch.jit.trace(twin, (x, PAIRS), check_trace=False)
    other = PAIRS.flip(0)
    assert_close(traced(x, other), conv(x, other))


def test_half_precision_and_mixed_types():
    conv = pyg.GraphConv(4, 3).double()
    check_same(conv, features(), PAIRS, torch.rand(7), kind="exact")
    half = pyg.GCNConv(4, 3).bfloat16()
    check_same(half, features().bfloat16(), PAIRS, kind="accumulated")
    accelerate(half)
    assert half(features().bfloat16(), PAIRS).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert half.float()(features().float(), PAIRS).dtype == torch.float32


def test_lazy_layers():
    conv = pyg.SAGEConv(-1, 3)
    accelerate(conv)
    x = torch.randn(5, 4)
    out = conv(x, PAIRS)
    restore(conv)
    assert_close(out, conv(x, PAIRS))


@pytest.mark.parametrize(
    ("model", "words"), [(pyg.GCN, "got the class GCN"), ([pyg.GCNConv(4, 4)], "got list")]
)
def test_what_is_no_module_is_refused(model: object, words: str) -> None:
    with pytest.raises(TypeError, match=f"model: {words}, expected a torch.nn.Module"):
        accelerate(model)  # type: ignore[arg-type]


def test_a_report_taken_for_the_model_says_that_it_is_none():
    report = accelerate(gcn())
    for use in (lambda: report(features()), lambda: report.parameters(), lambda: report.to("cpu")):
        with pytest.raises((TypeError, AttributeError), match="changes the model it is given"):
            use()
    assert copy.deepcopy(report) == pickle.loads(pickle.dumps(report)) == report
    assert not hasattr(report, "parameters")
