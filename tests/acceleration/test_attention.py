"""The attention layers and PNA, over their options and the graph zoo."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg

from graphpoly.acceleration import accelerate
from graphpoly.testing import assert_close, graph_zoo
from tests.acceleration.compare import check_same
from tests.acceleration.test_convs import IN, OUT, graphs, name_of, options

GAT = options(
    heads=[1, 3], concat=[False, True], add_self_loops=[False, True], residual=[False, True]
)
GATV2 = options(
    heads=[1, 3], concat=[False, True], add_self_loops=[False, True], share_weights=[False, True]
)
TRANSFORMER = options(heads=[1, 3], concat=[False, True], beta=[False, True])
TRANSFORMER.append({"heads": 2, "root_weight": False})
CASES = [
    pytest.param(conv, flags, id=f"{conv.__name__}-{name_of(flags)}")
    for conv, choices in [
        (pyg.GATConv, GAT),
        (pyg.GATv2Conv, GATV2),
        (pyg.TransformerConv, TRANSFORMER),
    ]
    for flags in choices
]
ATTENTION = [pyg.GATConv, pyg.GATv2Conv, pyg.TransformerConv]
SCALERS = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]


@pytest.mark.parametrize(("conv", "flags"), CASES)
def test_attention(conv, flags):
    for _, x, pairs, _ in graphs():
        check_same(conv(IN, OUT, **flags).double(), x, pairs)


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_float32(conv):
    for _, x, pairs, _ in graphs(torch.float32):
        check_same(conv(IN, 8, heads=4), x, pairs, kind="accumulated")


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv], ids=name_of)
@pytest.mark.parametrize("fill", ["mean", "max", 0.5])
@pytest.mark.parametrize("loops", [False, True])
def test_edge_features(conv, fill, loops):
    layer = conv(IN, OUT, heads=2, edge_dim=3, fill_value=fill, add_self_loops=loops).double()
    for _, x, pairs, _ in graphs():
        features = torch.randn(pairs.size(1), 3, dtype=x.dtype, requires_grad=True)
        check_same(layer, x, pairs, features)
        check_same(layer, x, pairs)
    layer = conv(IN, OUT, edge_dim=1, fill_value=fill, add_self_loops=loops).double()
    check_same(layer, x, pairs, torch.randn(pairs.size(1), dtype=x.dtype, requires_grad=True))


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
@pytest.mark.parametrize("sizes", [(4, 3), (3, 4)])
def test_bipartite(conv, sizes):
    pairs = torch.tensor([[0, 1, 2, 2, 2, 0], [1, 1, 0, 2, 0, 1]])
    source = torch.randn(sizes[0], IN, dtype=torch.float64, requires_grad=True)
    target = torch.randn(sizes[1], 2, dtype=torch.float64, requires_grad=True)
    layer = conv((IN, 2), OUT, heads=2).double()
    check_same(layer, (source, target), pairs)
    if conv is pyg.GATConv:
        check_same(layer, (source, target), pairs, size=sizes)
        check_same(layer, (source, None), pairs, size=sizes)
        check_same(layer, (source, None), pairs[:, :3])
        shared = conv(IN, OUT, heads=2).double()
        check_same(shared, (source, torch.randn(sizes[1], IN, dtype=torch.float64)), pairs)
        check_same(conv((IN, IN), OUT, heads=2).double(), source, pairs % 3)


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_sparse_adjacency(conv):
    names = ["directed", "self_loops", "isolated_nodes"]
    for data in graph_zoo(num_features=IN, dtype=torch.float64, names=names).values():
        values = torch.ones(data.edge_index.size(1), dtype=torch.float64)
        adj_t = torch.sparse_coo_tensor(data.edge_index.flip(0), values, (data.num_nodes,) * 2)
        for form in (adj_t.coalesce(), adj_t.to_sparse_csr()):
            check_same(conv(IN, OUT, heads=2).double(), data.x.requires_grad_(), form)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv], ids=name_of)
def test_a_sparse_adjacency_that_lists_an_edge_twice(conv, loops):
    """Where loops are added PyG makes one edge of it."""
    rows, columns = torch.tensor([0, 3, 5, 7]), torch.tensor([1, 1, 2, 0, 0, 0, 1])
    adj_t = torch.sparse_csr_tensor(rows, columns, torch.ones(7).double(), (3, 3))
    x = torch.randn(3, IN, dtype=torch.float64, requires_grad=True)
    check_same(conv(IN, OUT, heads=2, add_self_loops=loops).double(), x, adj_t)


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv], ids=name_of)
def test_a_sparse_adjacency_that_pyg_has_read(conv):
    """PyG marks a matrix as coalesced that is not, so that from then on it looks like one."""
    layer = conv(IN, OUT, heads=2).double()
    twin, x = copy.deepcopy(layer), torch.randn(3, IN, dtype=torch.float64)
    accelerate(twin)
    pairs = torch.tensor([[1, 0, 2, 0, 1, 0], [0, 2, 0, 1, 0, 2]])
    adj_t = torch.sparse_coo_tensor(pairs.flip(0), torch.ones(6).double(), (3, 3))
    expected = layer(x, adj_t.clone())
    for _ in range(3):
        assert_close(twin(x, adj_t), expected)


class Bent(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x).tanh()


EDGE_MAPS = {
    "bias": lambda: torch.nn.Linear(3, 2 * OUT),
    "a class of its own": lambda: Bent(3, 2 * OUT, bias=False),
    "two maps": lambda: torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2 * OUT)
    ),
    "no bias": lambda: torch.nn.Linear(3, 2 * OUT, bias=False),
}


@pytest.mark.parametrize("name", EDGE_MAPS)
@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv], ids=name_of)
def test_another_module_in_the_place_of_the_map_of_edges(conv, name):
    layer = conv(IN, OUT, heads=2, edge_dim=3)
    layer.lin_edge = EDGE_MAPS[name]()
    for _, x, pairs, _ in graphs():
        features = torch.randn(pairs.size(1), 3, dtype=x.dtype, requires_grad=True)
        fast = conv is pyg.GATv2Conv or name == "no bias"
        check_same(layer.double(), x, pairs, features, fast=fast)


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_attention_weights_come_from_the_original(conv):
    data = graph_zoo(num_features=IN, names=["self_loops"])["self_loops"]
    layer = conv(IN, OUT, heads=2)
    expected, (pairs, weights) = layer(data.x, data.edge_index, return_attention_weights=True)
    accelerate(layer)
    actual, found = layer(data.x, data.edge_index, return_attention_weights=True)
    assert torch.equal(actual, expected)
    assert torch.equal(found[0], pairs)
    assert torch.equal(found[1], weights)


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_dropout_of_attention(conv):
    # equal scores and values of one: the output counts what was kept
    layer = conv(1, 1, bias=False, dropout=0.25, concat=True).double()
    for parameter in layer.parameters():
        parameter.data.fill_(1.0)
    if conv is pyg.TransformerConv:
        layer.root_weight = False
    twin = copy.deepcopy(layer)
    accelerate(twin)
    x = torch.ones(40, 1, dtype=torch.float64)
    pairs = torch.cartesian_prod(torch.arange(40), torch.arange(40)).t()
    assert_close(twin.eval()(x, pairs), x)
    twin.train()
    out = torch.stack([twin(x, pairs) for _ in range(20)])
    kept = out * 40 * 0.75
    assert_close(kept, kept.round())
    assert 0.74 < float(kept.mean()) / 40 < 0.76
    assert out.std() > 0
    torch.manual_seed(7)
    first = twin(x, pairs)
    torch.manual_seed(7)
    assert torch.equal(twin(x, pairs), first)


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_uncovered_attention_runs_the_original(conv):
    data = graph_zoo(num_features=IN, names=["erdos_renyi"])["erdos_renyi"]
    features = torch.randn(data.edge_index.size(1), OUT)
    if conv is pyg.TransformerConv:
        layer = conv(IN, OUT, edge_dim=OUT)
        check_same(layer, data.x, data.edge_index, features, fast=False)
    with torch.autocast("cpu", torch.bfloat16):
        check_same(conv(IN, OUT), data.x, data.edge_index, fast=False, kind="accumulated")


@pytest.mark.parametrize("conv", ATTENTION, ids=name_of)
def test_compiled_attention(conv):
    data = graph_zoo(num_features=IN, names=["self_loops"])["self_loops"]
    layer = conv(IN, OUT, heads=2)
    expected = layer(data.x, data.edge_index)
    accelerate(layer)
    assert_close(torch.compile(layer, backend="eager")(data.x, data.edge_index), expected)


def pna(aggregators, scalers, **flags):
    degrees = torch.tensor([2, 3, 4, 1])
    return pyg.PNAConv(4, 4, aggregators, scalers, degrees, **flags).double()


@pytest.mark.parametrize(
    "aggregators",
    [["mean", "min", "max", "std"], ["sum", "var"], ["max"], ["std", "mean"], ["var"], ["std"]],
)
@pytest.mark.parametrize("flags", options(towers=[1, 2], divide_input=[False, True]), ids=name_of)
def test_pna_conv(aggregators, flags):
    for _, x, pairs, _ in graphs():
        x = x.detach()[:, :4].clone().requires_grad_()
        check_same(pna(aggregators, SCALERS, post_layers=2, **flags), x, pairs)


def test_pna_with_trained_scalers():
    data = graph_zoo(num_features=4, dtype=torch.float64)["barabasi_albert"]
    layer = pna(["mean", "max"], SCALERS, train_norm=True)
    check_same(layer, data.x.requires_grad_(), data.edge_index)


def test_pna_left_alone():
    models = [
        pna(["mean"], ["identity"], pre_layers=2),
        pna(["mean"], ["identity"], edge_dim=3),
        pna(["mean", "median"], ["identity"]),
    ]
    reasons = [accelerate(model).left_alone[""].split(":")[1].strip() for model in models]
    assert [reason.split("=")[0] for reason in reasons] == ["pre_layers", "edge_dim", "aggregators"]
    hooked = pna(["mean"], ["identity"])
    hooked.pre_nns[0][0].register_forward_hook(lambda module, inputs, out: 2 * out)
    data = graph_zoo(num_features=4, dtype=torch.float64)["barabasi_albert"]
    check_same(hooked, data.x, data.edge_index, fast=False)
