from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Batch, Data

from graphpoly.errors import ConvergenceError
from graphpoly.layers import MatrixFunctionConv
from graphpoly.testing import assert_close, check_layer, graph_zoo
from graphpoly.testing.zoo import ZOO
from tests.compliance.forms import STAGES, stage

FORMS = [
    {"readout": readout, "solver": solver}
    for readout in ("diagonal", "product")
    for solver in ("dense", "sparse")
]


def layer(**arguments):
    torch.manual_seed(0)
    return MatrixFunctionConv(3, 4, matrices=2, poles=3, **arguments).double()


def by_eigendecomposition(conv, data):
    """Everything from the equations, the resolvents from eigenvalues and eigenvectors."""
    n = data.num_nodes
    adj = torch.zeros(n, n, dtype=torch.float64)
    adj.index_put_((data.edge_index[1], data.edge_index[0]), data.edge_weight, accumulate=True)
    u = conv.lin_node(data.x)
    edge = conv.lin_edge(F.silu(u.unsqueeze(0) + u.unsqueeze(1)))
    read = []
    for c in range(2):
        matrix = (adj + adj.T) / 2 * edge[..., c]
        matrix = matrix + conv.lin_diagonal(F.silu(u))[:, c].diag()
        values, vectors = torch.linalg.eigh(matrix)
        values = (values - values.mean()) / (values.var(correction=0) + 1e-5).sqrt()
        for s in range(3):
            response = 1 / (1j - conv.log_scale[c, s].exp() * values - conv.shift[c, s])
            inverse = (vectors * response) @ vectors.T.cdouble()
            if conv.readout == "diagonal":
                read.append(inverse.diagonal())
            else:
                read.append(inverse @ conv.lin_value(data.x)[:, c].cdouble())
    read = torch.stack(read, 1)
    return conv.lin_out(torch.cat([read.real, read.imag], 1))


@pytest.mark.parametrize("arguments", FORMS)
def test_equals_the_eigendecomposition(arguments):
    conv = layer(**arguments)
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        out = conv(data.x, data.edge_index, data.edge_weight)
        assert_close(out, by_eigendecomposition(conv, data), what=name, kind="accumulated")


@pytest.mark.parametrize("arguments", FORMS)
def test_copies_side_by_side_give_the_output_of_one(arguments):
    """As graphs of a batch and, since mean and variance are the same, as a single graph, too."""
    data = graph_zoo(names=["barabasi_albert"], num_features=3, dtype=torch.float64)
    data = data["barabasi_albert"]
    conv = layer(**arguments)
    alone = conv(data.x, data.edge_index)
    two = Batch.from_data_list([data, data])
    for batch in (two.batch, None):
        out = conv(two.x, two.edge_index, batch=batch)
        assert_close(out, torch.cat([alone, alone]), kind="accumulated")


@pytest.mark.parametrize("arguments", FORMS)
def test_unequal_graphs_do_not_see_their_batch(arguments):
    conv = layer(**arguments)
    zoo = graph_zoo(num_features=3, dtype=torch.float64, names=list(ZOO)[:8])
    graphs = [Data(x=data.x, edge_index=data.edge_index) for data in zoo.values()]
    batch = Batch.from_data_list(graphs)
    expected = torch.cat([conv(graph.x, graph.edge_index) for graph in graphs])
    assert_close(conv(batch.x, batch.edge_index, batch=batch.batch), expected, kind="accumulated")


@pytest.mark.parametrize("readout", ["diagonal", "product"])
def test_dense_and_sparse_agree_in_every_gradient(readout):
    data = graph_zoo(names=["erdos_renyi"], weighted=True, num_features=3, dtype=torch.float64)
    data = data["erdos_renyi"]
    gradients = []
    for solver in ("dense", "sparse"):
        conv = layer(readout=readout, solver=solver)
        x, weight = data.x.clone().requires_grad_(), data.edge_weight.clone().requires_grad_()
        conv(x, data.edge_index, weight).square().sum().backward()
        gradients.append([x.grad, weight.grad, *(p.grad for p in conv.parameters())])
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other, kind="accumulated")


def test_diagonal_tells_graphs_apart_that_colour_refinement_cannot():
    """Two triangles and a hexagon, all nodes alike."""
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    hexagon = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    conv = layer()
    x = torch.ones(6, 3, dtype=torch.float64)
    one, other = (conv(x, torch.cat([e, e.flip(0)], 1)) for e in (triangles, hexagon))
    assert_close(one, one[:1].expand(6, -1))
    assert (one - other).abs().min() > 1e-4


def test_reaches_as_far_as_the_graph_is_connected():
    data = graph_zoo(names=["disconnected"], num_features=3, dtype=torch.float64)["disconnected"]
    conv = layer(readout="product")
    x = data.x.requires_grad_()
    (gradient,) = torch.autograd.grad(conv(x, data.edge_index)[5].sum(), x)
    assert (gradient[5:].abs().amax(1) > 1e-8).all()


@pytest.mark.parametrize("arguments", FORMS[1:])
@pytest.mark.parametrize("compiled", STAGES)
def test_every_form_keeps_the_promises_of_the_registered_one(arguments, compiled):
    only = ["gradcheck", "degenerate_graphs", "compile", "edge_order", "used_parameters", "repr"]
    only += ["explainer", "autocast", "lazy_init"]
    make = partial(MatrixFunctionConv, 6, 4, matrices=2, poles=2, **arguments)
    check_layer(make, only=stage(compiled, only))


def test_iterations_that_run_out_are_an_error():
    data = graph_zoo(names=["barabasi_albert"], num_features=3, dtype=torch.float64)
    data = data["barabasi_albert"]
    conv = layer(readout="product", solver="sparse", max_iterations=1)
    with pytest.raises(ConvergenceError, match="raise max_iterations"):
        conv(data.x, data.edge_index)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="did you mean 'product'"):
        MatrixFunctionConv(2, 2, readout="products")
    with pytest.raises(ValueError, match="did you mean 'sparse'"):
        MatrixFunctionConv(2, 2, solver="spars")
    with pytest.raises(ValueError, match="matrices: got 0, expected a whole number of at least 1"):
        MatrixFunctionConv(2, 2, matrices=0)
