from itertools import pairwise

import pytest
import torch

from graphpoly.ops import denoise_graph, edge_distances, to_csr
from graphpoly.ops.denoise_graph import (
    denoising_gradient,
    denoising_objective,
    laplacian,
    laplacian_adjoint,
)
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE

NAMES = ["grid", "directed", "duplicate_edges", "self_loops", "barabasi_albert", "no_edges"]


def graph(name):
    data = graph_zoo(names=[name], weighted=True, num_features=3, dtype=torch.float64)[name]
    return to_csr(data.edge_index, data.edge_weight, data.num_nodes), data.x


def complete(n):
    pairs = torch.combinations(torch.arange(n)).T
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    return to_csr(edges, torch.ones(edges.size(1), dtype=torch.float64), n)


@pytest.mark.parametrize("name", NAMES)
def test_laplacian_and_adjoint(name):
    adj, x = graph(name)
    matrix = torch.randn(adj.num_rows, adj.num_rows, dtype=torch.float64)
    dense = (adj.to_dense() + adj.to_dense().T) / 2
    dense = dense - dense.diag().diag()
    assert_close(laplacian(adj, adj.weight), dense.sum(1).diag() - dense)
    weight = torch.randn(adj.num_entries, dtype=torch.float64)
    assert_close(
        (laplacian(adj, weight) * matrix).sum(), (weight * laplacian_adjoint(adj, matrix)).sum()
    )
    distance = edge_distances(adj, x)
    assert_close(laplacian_adjoint(adj, x @ x.T), distance / 2)  # the other half is the reverse
    brute = [(x[i] - x[j]).square().sum() for i, j in zip(adj.rows(), adj.col, strict=True)]
    assert_close(distance, torch.stack(brute) if brute else distance)


def test_two_n_is_the_largest_eigenvalue_over_undirected_edges_of_the_complete_graph():
    for n in (3, 6, 9):
        adj = complete(n)
        rows, cols = adj.rows(), adj.col
        columns = []
        for i, j in torch.combinations(torch.arange(n)).tolist():
            edge = ((rows == i) & (cols == j)) | ((rows == j) & (cols == i))
            columns.append(laplacian(adj, edge.double()).flatten())
        operator = torch.stack(columns, 1)
        assert_close(torch.linalg.eigvalsh(operator.T @ operator).max(), 2.0 * n)
        # two entries share the weight of an edge: a step of 1 / (2 alpha n) of half the gradient
        gradient = torch.ones(adj.num_entries, dtype=torch.float64)
        moved = denoise_graph(adj, gradient, alpha=1.0, beta=0.5, steps=1)
        assert_close(adj.weight - moved, gradient * 0.5 / (4 * n))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_of_the_objective_and_of_the_dense_definition(name):
    adj, x = graph(name)
    distance = edge_distances(adj, x, 1.5)
    weight = torch.rand(adj.num_entries, dtype=torch.float64).requires_grad_()
    objective = denoising_objective(adj, weight, distance, alpha=0.7, beta=0.3)
    change = laplacian(adj, weight) - laplacian(adj, adj.weight)
    assert_close(objective, 0.7 * change.square().sum() + 0.15 * (weight * distance).sum())
    (expected,) = torch.autograd.grad(objective, weight)
    found = denoising_gradient(adj, weight.detach(), distance, alpha=0.7, beta=0.3)
    assert_close(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_without_smoothness_the_graph_comes_back(name):
    """The published gradient would make it twice the graph."""
    adj, x = graph(name)
    assert torch.equal(denoise_graph(adj, edge_distances(adj, x), beta=0.0, steps=50), adj.weight)
    published = 2 * laplacian_adjoint(adj, laplacian(adj, adj.weight - 2 * adj.weight))
    if adj.num_entries:
        assert published.abs().max() > 0.1


@pytest.mark.parametrize("beta", [0.05, 1.0, 10.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_step_raises_the_objective(name, beta):
    adj, x = graph(name)
    distance = edge_distances(adj, x, 1.5)
    values = []
    for steps in range(15):
        weight = denoise_graph(adj, distance, beta=beta, steps=steps)
        assert (weight >= 0).all()
        values.append(float(denoising_objective(adj, weight, distance, beta=beta)))
    assert all(b <= a + 1e-12 for a, b in pairwise(values))


def test_reaches_the_closed_form_where_no_weight_is_cut_off():
    adj, x = graph("grid")
    distance = edge_distances(adj, x)
    beta = 0.01
    eye = torch.eye(adj.num_entries, dtype=torch.float64)
    operator = torch.stack([laplacian(adj, row).flatten() for row in eye], 1)
    # the two entries of an edge are told apart by nothing: the smallest of all solutions
    change = torch.linalg.pinv(2 * operator.T @ operator) @ (beta / 2 * distance)
    expected = adj.weight - change
    assert expected.min() > 0
    found = denoise_graph(adj, distance, beta=beta, steps=3000)
    assert_close(found, expected, kind="accumulated")


def test_edges_between_unlike_nodes_lose_their_weight():
    generator = torch.Generator(DEVICE).manual_seed(0)
    block = torch.arange(20) // 10
    pairs = torch.combinations(torch.arange(20)).T
    like = block[pairs[0]] == block[pairs[1]]
    kept = torch.rand(pairs.size(1), generator=generator) < torch.where(like, 0.6, 0.1)
    edges = pairs[:, kept]
    injected = ~like[kept]
    x = torch.nn.functional.one_hot(block).double() * 3
    both = torch.cat([edges, edges.flip(0)], 1)
    adj = to_csr(both, torch.ones(both.size(1), dtype=torch.float64), 20)
    weight = denoise_graph(adj, edge_distances(adj, x, 1.5), beta=1.0, steps=100)
    at = torch.empty_like(weight).index_copy(0, adj.perm.long(), weight)
    wrong = torch.cat([injected, injected])
    assert at[wrong].mean() < 0.5 * at[~wrong].mean()
    assert_close(at[: edges.size(1)], at[edges.size(1) :])  # what is symmetric stays so


def test_gradients_of_distances_and_weights():
    adj, x = graph("directed")

    def function(weight, features):
        noisy = adj.with_weight(weight)
        return denoise_graph(noisy, edge_distances(noisy, features, 1.5), steps=3)

    inputs = (adj.weight.clone().requires_grad_(), x.clone().requires_grad_())
    assert torch.autograd.gradcheck(function, inputs)
    same = torch.ones(6, 2, dtype=torch.float64, requires_grad=True)
    edge_distances(adj, same, 1.0).sum().backward()
    assert torch.equal(same.grad, torch.zeros(6, 2))


def test_bad_arguments_are_named():
    adj, x = graph("grid")
    with pytest.raises(ValueError, match="alpha, steps: got 0"):
        denoise_graph(adj, edge_distances(adj, x), alpha=0.0)
    with pytest.raises(ValueError, match="p: got -1"):
        edge_distances(adj, x, -1)
