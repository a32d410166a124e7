import torch

from graphpoly.bases import chebyshev, legendre
from graphpoly.layers.spectral import FixedBasisConv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close, graph_zoo


def test_an_expansion_is_the_same_as_its_coefficients():
    data = graph_zoo(names=["grid"])["grid"]
    expansion = torch.randn(6, 3, dtype=torch.float64)
    conv = FixedBasisConv(2, 2, K=5, recurrence=chebyshev(5), expansion=expansion, linear=False)
    plain = FixedBasisConv(2, 2, K=5, recurrence=chebyshev(5), linear=False)
    conv.reset_parameters()
    plain.reset_parameters()
    assert conv.theta.shape == (3, 2)
    with torch.no_grad():
        plain.theta.copy_(expansion @ conv.theta.normal_().double())
    x = torch.randn(12, 2)
    assert_close(conv(x, data.edge_index), plain(x, data.edge_index))
    points = torch.linspace(-1, 1, 9, dtype=torch.float64)
    assert_close(conv.response(points).float(), plain.response(points).float())


def test_a_shared_filter_is_the_same_in_each_channel():
    data = graph_zoo(names=["grid"])["grid"]
    conv = FixedBasisConv(3, 3, K=4, recurrence=legendre(4), shared=True, linear=False).double()
    conv.reset_parameters()
    with torch.no_grad():
        conv.theta.normal_()
    assert conv.theta.shape == (5, 1)
    response = conv.response(torch.linspace(-1, 1, 7))
    assert response.shape == (7, 3)
    column = torch.randn(12, 1, dtype=torch.float64)
    out = conv(column.expand(-1, 3), data.edge_index)
    assert torch.equal(out[:, 0], out[:, 2])


def test_constants_are_no_state_and_follow_the_device_only():
    conv = FixedBasisConv(2, 2, K=3, recurrence=legendre(3), expansion=torch.eye(4).double())
    assert set(conv.state_dict()) == {"theta", "lin.weight", "bias"}
    conv.half()
    assert conv.theta.dtype == torch.float16
    assert conv._recurrence.dtype == conv._expansion.dtype == torch.float64
    assert torch.equal(conv._recurrence, legendre(3))


def test_half_precision_runs():
    data = graph_zoo(names=["grid"])["grid"]
    conv = FixedBasisConv(2, 2, K=3, recurrence=chebyshev(3), linear=False)
    conv.reset_parameters()
    with torch.no_grad():
        conv.theta.normal_()
    x = torch.randn(12, 2).bfloat16()
    adj = normalize(data.edge_index, num_nodes=12).to_dense().double()
    values, vectors = torch.linalg.eigh(adj)
    conv = conv.bfloat16()
    expected = vectors @ (conv.response(values) * (vectors.T @ x.double()))
    assert_close(conv(x, data.edge_index), expected, kind="accumulated")
