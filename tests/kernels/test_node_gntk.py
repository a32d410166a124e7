from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from benchmarks import gntk_transfer
from graphpoly.kernels import NodeGNTK
from graphpoly.testing import assert_close
from tests.kernels.wide import check_limit, gradients, labelled, normal


def graph(seed: int = 0, size: int = 7) -> Data:
    """A random graph with an isolated node and features of its own for each node."""
    shape = nx.disjoint_union(nx.gnp_random_graph(size - 1, 0.5, seed=seed), nx.empty_graph(1))
    data = labelled(shape, seed)
    generator = torch.Generator().manual_seed(seed)
    data.x = torch.randn(size, 3, generator=generator, dtype=torch.float64)
    weight = torch.rand(size, size, generator=generator, dtype=torch.float64)
    data.edge_weight = (weight + weight.T)[tuple(data.edge_index)]
    return data


def dense(data: Data, normalized: bool) -> Tensor:
    """The operator as a matrix."""
    size = data.num_nodes
    step = torch.zeros(size, size, dtype=torch.float64)
    step[data.edge_index[1], data.edge_index[0]] = data.edge_weight
    if not normalized:
        return step
    step = step + torch.eye(size)
    root = step.sum(1).rsqrt()
    return root[:, None] * step * root


def plain(steps: list[Tensor], x: Tensor, layers: int, mlp: int) -> Tensor:
    """The recursion on whole matrices, variances from their diagonals."""

    def conjugate(matrix: Tensor) -> Tensor:
        return sum((step @ matrix @ step.T for step in steps), torch.zeros_like(matrix))

    sigma = conjugate(x @ x.T)
    theta = sigma
    for _ in range(layers - 1):
        for _ in range(mlp):
            root = torch.outer(sigma.diagonal(), sigma.diagonal()).sqrt()
            angle = torch.acos((sigma / root).clamp(-1, 1).fill_diagonal_(1))
            sigma = root * (angle.sin() + (math.pi - angle) * angle.cos()) / math.pi
            theta = theta * (1 - angle / math.pi) + sigma
        sigma, theta = conjugate(sigma), conjugate(theta)
    return theta


@pytest.mark.parametrize(("layers", "mlp"), [(1, 1), (2, 1), (3, 2)])
def test_the_recursion_on_whole_matrices(layers: int, mlp: int) -> None:
    data = graph()
    expected = plain([dense(data, True)], data.x, layers, mlp)
    kernel = NodeGNTK(layers, mlp)(data)
    assert (kernel - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert_close(kernel, expected)
    step = dense(data, False) + 0
    powers = [torch.eye(7, dtype=torch.float64), step @ step]
    found = NodeGNTK(layers, mlp, (0, 2), normalization=None, add_self_loops=False)(data)
    assert_close(found, plain(powers, data.x, layers, mlp))


def network(data: Data, width: int, draws: int) -> Tensor:
    """Gradients of three aggregations at each node."""
    weights = normal(draws, (3, width), (width, width), (width, 1))
    step, x = dense(data, True), data.x
    for weight in weights[:-1]:
        x = math.sqrt(2 / width) * torch.relu(step @ x @ weight)
    return gradients([*(step @ x @ weights[-1]).unbind(1)], weights)


def test_it_is_the_limit_of_wide_networks() -> None:
    data = labelled(nx.path_graph(4), 0)  # connected: no zeros, for errors are relative
    data.x = torch.rand(4, 3, dtype=torch.float64)
    data.edge_weight = torch.ones(6, dtype=torch.float64)
    check_limit(lambda width, draws: network(data, width, draws), NodeGNTK(3)(data))


def test_disjoint_graphs_have_the_kernels_of_pairs() -> None:
    first, second = graph(1), graph(2, 6)
    kernel = NodeGNTK(3)
    whole = kernel(Batch.from_data_list([first, second]))
    assert_close(kernel(first), whole[:7, :7])
    assert_close(kernel(second), whole[7:, 7:])
    assert_close(kernel(first, second), whole[:7, 7:])


def test_symmetric_and_positive_and_equivariant() -> None:
    data = graph()
    kernel = NodeGNTK(3, 2)(data)
    assert torch.equal(kernel, kernel.T)
    assert torch.linalg.eigvalsh(kernel).min() > -1e-12 * kernel.diagonal().max()
    order = torch.randperm(7)
    turned = Data(
        x=data.x[order],
        edge_index=order.argsort()[data.edge_index],
        edge_weight=data.edge_weight,
    )
    assert_close(NodeGNTK(3, 2)(turned), kernel[order][:, order])


def test_rows_without_features_are_zero() -> None:
    data = graph()
    data.x[-1] = 0  # of the isolated node
    kernel = NodeGNTK(3)(data)
    assert kernel[-1].tolist() == [0] * 7
    assert bool(kernel.isfinite().all())
    alone = Data(x=torch.tensor([[3.0, 4.0, 0.0]]), edge_index=torch.empty(2, 0, dtype=torch.int64))
    assert NodeGNTK(4, 2)(alone).tolist() == [[pytest.approx(25.0 * 7, rel=1e-14)]]


@pytest.mark.parametrize("powers", [(1,), (0, 2)])
def test_all_nodes_as_landmarks_give_the_kernel(powers: tuple[int, ...]) -> None:
    data = graph(3, 12)
    kernel = NodeGNTK(3, 2, powers)
    features = kernel.features(data, 12)
    assert_close(features @ features.T, kernel(data), kind="accumulated")
    linear = NodeGNTK(1, powers=powers)
    features = linear.features(data, 1)
    assert_close(features @ features.T, linear(data))


def test_more_landmarks_come_nearer() -> None:
    data = graph(4, 60)
    kernel = NodeGNTK(3)
    exact = kernel(data)
    errors = []
    for number in (5, 15, 45):
        features = kernel.features(data, number, seed=1)
        assert torch.equal(features, kernel.features(data, number, seed=1))
        errors.append(float((features @ features.T - exact).norm() / exact.norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01


def test_mistakes_are_told_in_one_line() -> None:
    data = graph()
    for name in ("num_layers", "num_mlp_layers"):
        with pytest.raises(ValueError, match=name):
            NodeGNTK(**{name: 0})
    for powers in ((), (1, 1), (-1,)):
        with pytest.raises(ValueError, match="powers"):
            NodeGNTK(powers=powers)
    with pytest.raises(ValueError, match="normalization"):
        NodeGNTK(normalization="symmetric")(data)
    with pytest.raises(ValueError, match="x: got none"):
        NodeGNTK()(Data(edge_index=data.edge_index, num_nodes=7))
    other = Data(x=torch.ones(2, 4), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match="x: got 3 and 4 columns"):
        NodeGNTK()(data, other)
    with pytest.raises(TypeError, match="complex128"):
        NodeGNTK()(Data(x=data.x + 0j, edge_index=data.edge_index))
    with pytest.raises(ValueError, match="num_landmarks"):
        NodeGNTK().features(data, 0)


def test_graphs_of_a_graphon_tend_to_it() -> None:
    few, many = gntk_transfer.measure((25, 200), draws=6)
    for error in ("eigenvalues", "prediction"):
        # the root of 8 is 2.8
        assert many[error] < few[error] / 1.7
    assert many["eigenvalues"] < 0.1
