import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.data import Batch, Data

from graphpoly.layers import PDFConv
from graphpoly.layers.spectral import pdf_conv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage

SMALL = {"exponents": (-0.5, -0.2), "powers": (1, 3)}


def dense(conv, data, reach):
    """The definition over all pairs that are within reach, from dense powers."""
    matrix = normalize(
        data.edge_index, data.edge_weight, data.num_nodes, normalization=None, add_self_loops=True
    ).to_dense()
    degree = matrix.sum(1)
    basis = [torch.eye(len(degree), dtype=torch.float64)]
    for exponent in conv.exponents:
        scale = (degree**exponent).diag()
        powers = [torch.linalg.matrix_power(scale @ matrix @ scale, k) for k in conv.powers]
        basis += powers
    weight = conv.filter(torch.stack(basis, -1))  # [N, N, C]
    near = matrix > 0 if reach == 1 else torch.ones_like(matrix, dtype=torch.bool)
    if conv.softmax:
        weight = weight.masked_fill(~near.unsqueeze(-1), -torch.inf).softmax(1)
    else:
        weight = weight * near.unsqueeze(-1)
    return torch.einsum("ijc,jc->ic", weight, F.gelu(conv.lin(data.x)))


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("hops", [1, None])
def test_equals_the_definition(hops, softmax):
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        conv = PDFConv(3, 4, hops=hops, softmax=softmax, **SMALL).double()
        out = conv(data.x, data.edge_index, data.edge_weight)
        assert_close(out, dense(conv, data, hops), what=name)


@pytest.mark.parametrize("softmax", [False, True])
def test_sparse_and_dense_agree_where_the_support_is_the_same(softmax):
    """Two hops on a star, one on a complete graph: every pair."""
    star = graph_zoo(names=["star"], weighted=True, num_features=3, dtype=torch.float64)["star"]
    pairs = torch.combinations(torch.arange(6)).T
    x = torch.randn(6, 3, dtype=torch.float64)
    complete = Data(x=x, edge_index=torch.cat([pairs, pairs.flip(0)], 1), edge_weight=None)
    for data, hops in ((star, 2), (complete, 1)):
        sparse = PDFConv(3, 4, hops=hops, softmax=softmax, **SMALL).double()
        all_pairs = PDFConv(3, 4, hops=None, softmax=softmax, **SMALL).double()
        all_pairs.load_state_dict(sparse.state_dict())
        results = []
        for conv in (sparse, all_pairs):
            out = conv(data.x, data.edge_index, data.edge_weight)
            out.square().sum().backward()
            results.append([out, *(p.grad for p in conv.parameters())])
        for one, other in zip(*results, strict=True):
            assert_close(one, other, kind="accumulated")


def test_a_star_of_many_leaves_equals_the_definition_and_its_gradients():
    size = 300
    leaf = torch.arange(1, size)
    edges = torch.stack([torch.zeros_like(leaf), leaf])
    edges = torch.cat([edges, edges.flip(0)], 1)
    weight = torch.rand(edges.size(1), dtype=torch.float64) + 0.5
    x = torch.randn(size, 3, dtype=torch.float64)
    conv = PDFConv(3, 4, **SMALL).double()
    found = []
    for run in (lambda d: conv(d.x, d.edge_index, d.edge_weight), lambda d: dense(conv, d, 1)):
        data = Data(x=x.clone().requires_grad_(), edge_index=edges, num_nodes=size)
        data.edge_weight = weight.clone().requires_grad_()
        out = run(data)
        inputs = [data.x, data.edge_weight, *conv.parameters()]
        found.append([out, *torch.autograd.grad(out.square().sum(), inputs)])
    for one, other in zip(*found, strict=True):
        assert_close(one, other, kind="accumulated")


def test_a_linear_filter_of_one_power_is_the_graph_convolution():
    data = graph_zoo(names=["grid"], weighted=True, num_features=3, dtype=torch.float64)["grid"]
    conv = PDFConv(3, 3, powers=(1,)).double()
    conv.filter = nn.Linear(2, 3, bias=False).double()
    with torch.no_grad():
        conv.filter.weight.copy_(torch.tensor([[0.0, 1.0]]).expand(3, 2))
    operator = normalize(
        data.edge_index, data.edge_weight, 12, add_self_loops=True, dtype=torch.float64
    ).to_dense()
    out = conv(data.x, data.edge_index, data.edge_weight)
    assert_close(out, operator @ F.gelu(conv.lin(data.x)))


def test_a_linear_filter_of_all_powers_is_a_polynomial_for_each_channel():
    data = graph_zoo(names=["grid"], weighted=True, num_features=3, dtype=torch.float64)["grid"]
    conv = PDFConv(3, 4, powers=(1, 2, 3), hops=None).double()
    conv.filter = nn.Linear(4, 4, bias=False).double()
    theta = conv.filter.weight  # [C, K+1]
    operator = normalize(
        data.edge_index, data.edge_weight, 12, add_self_loops=True, dtype=torch.float64
    ).to_dense()
    values, vectors = torch.linalg.eigh(operator)
    response = torch.linalg.vander(values, N=4) @ theta.T
    expected = vectors @ (response * (vectors.T @ F.gelu(conv.lin(data.x))))
    assert_close(conv(data.x, data.edge_index, data.edge_weight), expected)


@pytest.mark.parametrize("hops", [1, 2, None])
def test_graphs_of_a_batch_are_alone(hops):
    zoo = graph_zoo(num_features=3, dtype=torch.float64)
    graphs = [Data(x=data.x, edge_index=data.edge_index) for data in zoo.values()]
    conv = PDFConv(3, 4, hops=hops, softmax=True, **SMALL).double()
    batch = Batch.from_data_list(graphs)
    expected = torch.cat([conv(graph.x, graph.edge_index) for graph in graphs])
    assert_close(conv(batch.x, batch.edge_index, batch=batch.batch), expected)


@pytest.mark.parametrize("named", ["apart", "alike"])
@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("hops", [1, None])
def test_pairs_that_are_alike_share_their_filters(hops, softmax, named, monkeypatch):
    """Values and gradients of the definition, from fewer evaluations; names may lie."""
    if named == "alike":
        nothing = lambda basis: torch.zeros(len(basis), dtype=torch.int64)  # noqa: E731
        monkeypatch.setattr(pdf_conv, "label_names", nothing)
    for name, data in graph_zoo(num_features=3, dtype=torch.float64).items():
        data.edge_weight = torch.ones(data.num_edges, dtype=torch.float64)
        conv = PDFConv(3, 40, hops=hops, softmax=softmax, **SMALL).double()
        rows = []
        conv.filter.register_forward_pre_hook(lambda _, given, rows=rows: rows.append(given[0]))
        out = conv(data.x, data.edge_index)
        wanted = dense(conv, data, hops)
        assert_close(out, wanted, what=name)
        for one, other in zip(*(_gradients(conv, each) for each in (out, wanted)), strict=True):
            assert_close(one, other, what=name)
        if rows[0].numel() and named == "apart":
            assert len(rows[0].unique(dim=0)) == len(rows[0]), name


def _gradients(conv, out):
    parameters = list(conv.parameters())
    return torch.autograd.grad(out.square().sum(), parameters, materialize_grads=True)


@pytest.mark.parametrize("training", [True, False])
def test_statistics_count_every_pair(training):
    """A star has eight kinds of pairs at most; batch normalisation is over all 400."""
    leaves = torch.arange(1, 20)
    star = torch.stack([torch.zeros_like(leaves), leaves])
    edge_index = torch.cat([star, star.flip(0)], 1)
    conv = PDFConv(3, 40, hops=None, norm=True, **SMALL).double().train(training)
    seen = []
    conv.filter.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    x = torch.randn(20, 3, dtype=torch.float64)
    out = conv(x, edge_index)
    if training:
        assert seen == [400]
    else:
        assert seen[0] <= 8
        _, _, basis = conv.basis(x, edge_index)
        weight = conv.filter(basis.double()).view(20, 20, 40)
        assert_close(out, torch.einsum("ijc,jc->ic", weight, F.gelu(conv.lin(x))))


def _trained(conv, run, *graph):
    """Output of a training step, its gradients, and what the norms keep of it."""
    out = run(*graph)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view_as(out)
    gradients = torch.autograd.grad((out * probe).sum(), list(conv.parameters()))
    return [out, *gradients, *conv.buffers()]


NORMED = {"softmax": True, "norm": True, **SMALL}


@pytest.mark.parametrize("hops", [1, 2, None])
@pytest.mark.parametrize("num_nodes", [1, 5])
def test_statistics_count_a_pair_once(hops, num_nodes):
    """Of parallel edges, and of a loop that is there three times."""
    edge_index = torch.tensor([[0, 0, 0, 1, 1, 2, 3, 3], [0, 0, 0, 2, 2, 1, 4, 4]])
    edge_index = edge_index[:, (edge_index < num_nodes).all(0)]
    weight = torch.rand(edge_index.size(1), dtype=torch.float64)
    merged, inverse = edge_index.unique(dim=1, return_inverse=True)
    total = weight.new_zeros(merged.size(1)).index_add(0, inverse, weight)
    conv = PDFConv(3, 4, hops=hops, **NORMED).double()
    twin = copy.deepcopy(conv)
    x = torch.randn(num_nodes, 3, dtype=torch.float64)
    found = _trained(conv, conv, x, edge_index, weight)
    wanted = _trained(twin, twin, x, merged, total)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize(
    ("hops", "dtype"),
    [(1, torch.float64), (2, torch.float64), (None, torch.float64), (2, torch.float32)],
)
def test_statistics_of_a_program_are_those_of_the_layer(hops, dtype):
    edge_index = torch.tensor([[0, 1, 1, 2, 3, 4, 5], [1, 0, 2, 1, 4, 3, 5]])
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    conv = PDFConv(3, 4, hops=hops, **NORMED).to(dtype)
    twin = copy.deepcopy(conv)
    program = torch.compile(twin, backend="eager", fullgraph=True, dynamic=True)
    graph = (torch.randn(6, 3, dtype=dtype), edge_index, None, batch, 2)
    for one, other in zip(
        _trained(twin, program, *graph), _trained(conv, conv, *graph), strict=True
    ):
        assert_close(one, other)


def test_nan_passes_through():
    conv = PDFConv(3, 40, **SMALL)
    edge_index = torch.tensor([[0, 1], [1, 0]])
    out = conv(torch.randn(3, 3), edge_index, torch.tensor([torch.nan, torch.nan]))
    assert out[:2].isnan().all()
    assert out[2].isfinite().all()


def test_layers_share_filters():
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    first, second = PDFConv(3, 4), PDFConv(3, 4, encoder=False)
    filters = first.filters(data.x, data.edge_index)
    second.lin.load_state_dict(first.lin.state_dict())
    out = second(data.x, data.edge_index, filters=filters)
    assert_close(out, first(data.x, data.edge_index))
    with pytest.raises(ValueError, match="encoder=False"):
        second(data.x, data.edge_index)


@pytest.mark.parametrize("arguments", [{"hops": None, "softmax": True}, {"hops": 2, "norm": True}])
@pytest.mark.parametrize("compiled", STAGES)
def test_every_form_keeps_the_promises_of_the_registered_one(arguments, compiled):
    only = ["gradcheck", "compile", "degenerate_graphs", "repr", "reset_parameters", "edge_order"]
    only += ["untouched_inputs", "cache", "lazy_init", "explainer"]
    check_layer(lambda: PDFConv(6, 4, powers=(1, 2), **arguments), only=stage(compiled, only))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="exponents, powers"):
        PDFConv(2, 2, powers=(0, 1))
    with pytest.raises(ValueError, match="hops: got 0"):
        PDFConv(2, 2, hops=0)
