import builtins

import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import get_laplacian, to_dense_adj

from graphpoly.layers import FavardConv, OptBasisConv, PolynomialConv
from graphpoly.testing import assert_close, graph_zoo
from tests.layers.spectral.filters import (
    DATA_DEPENDENT,
    LAYERS,
    by_eigendecomposition,
    operator,
    randomize,
)

UNDIRECTED = {name: data for name, data in graph_zoo(weighted=True).items() if data.is_undirected()}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_equals_the_response_on_the_eigenvalues(layer, shared, weighted, loops, dtype, bound):
    for name, data in UNDIRECTED.items():
        weight = data.edge_weight.to(dtype) if weighted else None
        conv = randomize(layer(3, 4, K=5, add_self_loops=loops, shared=shared)).to(dtype)
        x = torch.randn(data.num_nodes, 3, dtype=dtype)
        expected = by_eigendecomposition(conv, x, data, weight)
        size = max(1.0, expected.abs().amax().item())
        got = conv(x, data.edge_index, weight)
        assert got.dtype == dtype
        assert (got - expected).abs().max() <= bound * size, name


@pytest.mark.parametrize("layer", [cls for cls in LAYERS if cls not in DATA_DEPENDENT])
@pytest.mark.parametrize("normalization", ["rw", "sym"])
def test_response_is_the_sum_of_weighted_polynomials_of_the_matrix(layer, normalization):
    """Directed graphs have no orthonormal eigenvectors: polynomials of the matrix itself."""
    data = graph_zoo(weighted=True, dtype=torch.float64)["directed"]
    conv = layer(3, 3, K=4, normalization=normalization, linear=False, bias=False)
    conv = randomize(conv).double()
    matrix = operator(conv, data, data.edge_weight)
    # interpolate the response: a polynomial of degree 4 is known from its values at 5 points
    points = torch.linspace(-1, 1, 5, dtype=torch.float64)
    powers = torch.linalg.solve(torch.linalg.vander(points), conv.response(points))
    x = torch.randn(data.num_nodes, 3, dtype=torch.float64)
    power, expected = x, torch.zeros_like(x)
    for k in range(5):
        expected = expected + powers[k] * power
        power = matrix @ power
    assert_close(conv(x, data.edge_index, data.edge_weight), expected, kind="accumulated")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_of_unequal_graphs_is_each_graph_alone(layer):
    names = ["star", "no_edges", "barabasi_albert", "one_node", "self_loops", "grid"]
    zoo = graph_zoo(weighted=True, num_features=3, dtype=torch.float64, names=names)
    conv = randomize(layer(3, 4, K=4)).double()
    batch = Batch.from_data_list(list(zoo.values()))
    out = conv(batch.x, batch.edge_index, batch.edge_weight, batch.batch)
    for i, (name, data) in enumerate(zoo.items()):
        alone = conv(data.x, data.edge_index, data.edge_weight)
        part = out[batch.ptr[i] : batch.ptr[i + 1]]
        assert_close(part, alone, kind="accumulated", what=name)


@pytest.mark.parametrize("layer", LAYERS)
def test_order_zero_is_a_factor(layer):
    data = graph_zoo(names=["grid"])["grid"]
    conv = randomize(layer(3, 3, K=0, linear=False, bias=False))
    x = torch.randn(12, 3)
    expected = by_eigendecomposition(conv, x, data, None).float()
    assert_close(conv(x, data.edge_index), expected, kind="accumulated")


@pytest.mark.parametrize("layer", [cls for cls in LAYERS if cls is not OptBasisConv])
def test_constants_stay_exact_through_every_cast(layer):
    """Made in float32, run in float64: the basis is still that of float64."""
    conv = randomize(layer(3, 3, K=5)).double()
    detour = randomize(layer(3, 3, K=5)).half().float().double()
    detour.load_state_dict(conv.state_dict())
    data = graph_zoo(names=["grid"])["grid"]
    x = torch.randn(12, 3, dtype=torch.float64)
    assert torch.equal(detour(x, data.edge_index), conv(x, data.edge_index))


@pytest.mark.parametrize("layer", LAYERS)
def test_plot_shows_the_response(layer):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    data = graph_zoo(names=["grid"])["grid"]
    conv = randomize(layer(3, 2, K=3))
    given = {"x": torch.randn(12, 3), "edge_index": data.edge_index}
    given = given if layer in DATA_DEPENDENT else {}
    ax = conv.plot_response(num_points=5, **given)
    points = torch.linspace(-1, 1, 5)
    response = conv.response(points, **given).detach()
    assert len(ax.lines) == 2
    for channel, line in enumerate(ax.lines):
        assert_close(torch.as_tensor(line.get_xdata()), points)
        assert_close(torch.as_tensor(line.get_ydata()), response[:, channel])
    assert conv.plot_response(ax, interval=(0.0, 1.0), num_points=3, **given) is ax
    assert len(ax.lines) == 4
    matplotlib.pyplot.close(ax.figure)


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    plain = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"graphpoly\[viz\]"):
        FavardConv(2, 2).plot_response()


@pytest.mark.parametrize("layer", LAYERS)
def test_roles_cover_every_own_parameter(layer):
    conv = layer(3, 4)
    own = {name for name, _ in conv.named_parameters(recurse=False)} - {"bias"}
    assert own == set(conv.parameter_roles)
    assert set(conv.parameter_roles.values()) <= {"coefficient", "basis"}


@pytest.mark.parametrize("name", ["barabasi_albert", "grid"])
def test_response_one_is_the_identity_and_minus_lambda_plus_one_the_laplacian(name):
    data = graph_zoo()[name]
    conv = FavardConv(2, 2, K=1, linear=False, bias=False).double()
    x = torch.randn(data.num_nodes, 2, dtype=torch.float64)
    assert_close(conv(x, data.edge_index), x)
    with torch.no_grad():
        conv.theta[1] = -1  # 1 - lambda
    index, weight = get_laplacian(
        data.edge_index, normalization="sym", num_nodes=data.num_nodes, dtype=torch.float64
    )
    laplacian = to_dense_adj(index, edge_attr=weight, max_num_nodes=data.num_nodes)[0]
    assert_close(conv(x, data.edge_index), laplacian @ x)


@pytest.mark.parametrize("layer", LAYERS)
def test_lazy_input_size(layer):
    conv = layer(-1, 4, K=2)
    conv(torch.randn(5, 7), torch.tensor([[0, 1], [1, 0]]))
    assert conv.lin.weight.shape == (4, 7)


@pytest.mark.parametrize("layer", LAYERS)
def test_bad_arguments_are_named(layer):
    with pytest.raises(ValueError, match="K: got -1"):
        layer(2, 2, K=-1)
    with pytest.raises(ValueError, match="linear=False needs in_channels == out_channels"):
        layer(2, 3, linear=False)
    with pytest.raises(ValueError, match="square operator"):
        layer(2, 2)((torch.ones(3, 2), torch.ones(4, 2)), torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match="unknown normalization"):
        layer(2, 2, normalization="left")(torch.ones(3, 2), torch.tensor([[0], [1]]))


def test_frame_alone_says_what_is_missing():
    conv = PolynomialConv(2, 2)
    assert isinstance(conv, MessagePassing)
    with pytest.raises(NotImplementedError, match="PolynomialConv has no recurrence"):
        conv(torch.ones(3, 2), torch.tensor([[0], [1]]))


def test_repr_names_what_differs_from_the_defaults():
    assert repr(FavardConv(3, 4, K=2)) == "FavardConv(3, 4, K=2)"
    conv = OptBasisConv(3, 3, normalization=None, cached=True, linear=False, bias=False)
    assert repr(conv) == (
        "OptBasisConv(3, 3, K=10, normalization=None, cached=True, linear=False, bias=False)"
    )


def test_a_subclass_needs_no_more_than_its_recurrence():
    class Powers(PolynomialConv):
        def recurrence(self):
            zero = torch.zeros(self.K, 1)
            return torch.stack([zero + 1, zero, zero]), None

    conv = Powers(3, 3, K=2, linear=False)
    x = torch.randn(4, 3)
    edge_index = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    assert torch.equal(conv(x, edge_index), x)
    with torch.no_grad():
        conv.theta.copy_(torch.tensor([[0.0], [1.0], [0.0]]))
    assert_close(conv(x, edge_index), x[[1, 0, 3, 2]])
