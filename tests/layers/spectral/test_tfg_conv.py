import math

import pytest
import torch

from graphpoly.layers import TFGConv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close, graph_zoo


@pytest.mark.parametrize("loops", [False, True])
def test_equals_sines_and_cosines_of_the_matrix(loops):
    for name, data in graph_zoo(weighted=True, dtype=torch.float64).items():
        if not data.is_undirected():
            continue
        conv = TFGConv(3, 3, K=24, num_frequencies=4, omega=0.4, add_self_loops=loops).double()
        with torch.no_grad():
            conv.theta.normal_()
        adj = normalize(
            data.edge_index, data.edge_weight, data.num_nodes, add_self_loops=loops
        ).to_dense()
        values, vectors = torch.linalg.eigh(torch.eye(data.num_nodes, dtype=torch.float64) - adj)
        angles = (0.4 * math.pi * (values - 1)).unsqueeze(1)  # of L - I
        response = conv.theta[0]
        for m in range(1, 5):
            response = response + conv.theta[m] * (m * angles).sin()
            response = response + conv.theta[4 + m] * (m * angles).cos()
        x = torch.randn(data.num_nodes, 3, dtype=torch.float64)
        expected = vectors @ (response * (vectors.T @ conv.lin(x)))
        assert_close(conv(x, data.edge_index, data.edge_weight), expected, what=name)


def test_published_setting_is_close_where_taylor_is_far():
    """Six frequencies from 0.3: off by a thousandth of what the Taylor series is off by."""
    conv = TFGConv(1, 1, K=10, num_frequencies=6, omega=0.3)
    points = torch.linspace(-1, 1, 201, dtype=torch.float64)
    highest = 6 * 0.3 * math.pi
    sine, cosine = conv.basis(points).squeeze(-1)[[6, 12]]
    assert (sine + (highest * points).sin()).abs().max() < 2.6e-3  # of -lambda
    assert (cosine - (highest * points).cos()).abs().max() < 2.6e-3
    taylor = sum(
        (-1) ** k * (highest * points) ** (2 * k) / math.factorial(2 * k) for k in range(6)
    )
    assert (taylor - (highest * points).cos()).abs().max() > 1


@pytest.mark.parametrize("shared", [False, True])
def test_the_skip_is_the_identity_beside_the_waves(shared):
    """With all weights decayed to nothing the signal is what it was, where a factor would be 0."""
    data = graph_zoo(names=["grid"])["grid"]
    x, points = torch.randn(12, 3), torch.linspace(-1, 1, 7)
    kept = TFGConv(3, 3, K=12, num_frequencies=2, linear=False, shared=shared, skip=True)
    learned = TFGConv(3, 3, K=12, num_frequencies=2, linear=False, shared=shared)
    assert kept.theta.shape == (4, 1 if shared else 3)
    with torch.no_grad():
        learned.theta[0] = 1
        learned.theta[1:] = kept.theta
    assert_close(kept(x, data.edge_index), learned(x, data.edge_index))
    assert_close(kept.response(points), learned.response(points))
    optimizer = torch.optim.SGD(kept.parameters(), lr=1.0, weight_decay=1.0)
    (0 * kept(x, data.edge_index)).sum().backward()
    optimizer.step()
    assert_close(kept(x, data.edge_index), x)
    with pytest.raises(ValueError, match="nothing to learn with num_frequencies=0"):
        TFGConv(3, 3, num_frequencies=0, skip=True)


def test_without_frequencies_a_factor_is_left():
    data = graph_zoo(names=["grid"])["grid"]
    conv = TFGConv(2, 2, K=4, num_frequencies=0, linear=False)
    x = torch.randn(12, 2)
    assert conv.theta.shape == (1, 2)
    assert_close(conv(x, data.edge_index), x)
