from itertools import pairwise

import pytest
import torch

from graphpoly.ops import normalize, p_laplacian, p_smooth, to_csr
from graphpoly.ops.p_laplacian import edge_gradient, p_dirichlet
from graphpoly.testing import assert_close, graph_zoo

CONNECTED = ["star", "complete_bipartite", "barabasi_albert", "grid", "cycle"]


def graph(name):
    data = graph_zoo(names=[name], weighted=True, num_features=3, dtype=torch.float64)[name]
    return to_csr(data.edge_index, data.edge_weight, data.num_nodes), data


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 2.5])
@pytest.mark.parametrize("name", ["grid", "star", "isolated_nodes"])
def test_energy_is_the_inner_product_and_its_gradient_is_p_times_the_operator(name, p):
    adj, data = graph(name)
    x = data.x.requires_grad_()
    energy = p_dirichlet(adj, x, p)
    operator = p_laplacian(adj, x, p)
    assert_close((operator * x).sum(), energy)
    (gradient,) = torch.autograd.grad(energy, x)
    assert_close(gradient, p * operator)


@pytest.mark.parametrize("name", CONNECTED)
def test_two_is_the_normalised_laplacian(name):
    adj, data = graph(name)
    operator = normalize(data.edge_index, data.edge_weight, data.num_nodes).to_dense()
    expected = data.x - operator @ data.x
    assert_close(p_laplacian(adj, data.x, 2.0), expected)


def test_gradient_vanishes_on_what_is_constant_up_to_degrees():
    adj, _ = graph("barabasi_albert")
    degree = adj.to_dense().sum(1, keepdim=True)
    assert edge_gradient(adj, degree.sqrt()).abs().max() < 1e-14
    assert p_laplacian(adj, degree.sqrt(), 1.0).isfinite().all()


@pytest.mark.parametrize("name", CONNECTED)
def test_smoothing_at_two_is_personalised_pagerank(name):
    adj, data = graph(name)
    mu = 0.25
    operator = normalize(data.edge_index, data.edge_weight, data.num_nodes).to_dense()
    teleport, out = mu / (1 + mu), data.x
    for _ in range(5):
        out = (1 - teleport) * operator @ out + teleport * data.x
    assert_close(p_smooth(adj, data.x, p=2.0, mu=mu, steps=5), out)
    limit = torch.linalg.solve(torch.eye(len(out)) - (1 - teleport) * operator, teleport * data.x)
    assert_close(p_smooth(adj, data.x, p=2.0, mu=mu, steps=200), limit)


@pytest.mark.parametrize("p", [1.0, 1.3, 1.7, 2.0])
@pytest.mark.parametrize("name", CONNECTED)
def test_no_step_raises_the_objective(name, p):
    adj, data = graph(name)
    mu = 0.1

    def objective(f):
        return p_dirichlet(adj, f, p) + mu * (f - data.x).square().sum()

    values = [float(objective(p_smooth(adj, data.x, p=p, mu=mu, steps=k))) for k in range(12)]
    assert all(b <= a + 1e-12 for a, b in pairwise(values))
    assert values[-1] < values[0]


def test_bad_arguments_are_named():
    adj, data = graph("grid")
    with pytest.raises(ValueError, match=r"p: got 0.5"):
        p_laplacian(adj, data.x, 0.5)
    with pytest.raises(ValueError, match="mu, steps: got 0"):
        p_smooth(adj, data.x, p=2.0, mu=0.0, steps=1)
