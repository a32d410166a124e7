import pytest
import torch
from torch_geometric.utils import to_undirected

from graphpoly.ops import connection, to_csr
from graphpoly.ops.connection import local_frames
from graphpoly.testing import assert_close
from tests.conftest import DEVICE


def cloud(num_nodes=12, num_features=5, seed=0, degree=4):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    pairs = torch.randint(0, num_nodes, (2, num_nodes * degree // 2), generator=generator)
    edge_index = to_undirected(pairs[:, pairs[0] != pairs[1]], num_nodes=num_nodes)
    x = torch.randn(num_nodes, num_features, generator=generator, dtype=torch.float64)
    return x, edge_index


@pytest.mark.parametrize("num_features", [2, 5, 40])
def test_frames_span_the_first_singular_vectors(num_features):
    x, edge_index = cloud(num_features=num_features)
    frames = local_frames(to_csr(edge_index, num_nodes=12), x, 2, borrow=False)
    for v in range(12):
        neighbours = edge_index[0, edge_index[1] == v]
        if len(neighbours) < 2:
            continue
        left, _, _ = torch.linalg.svd((x[neighbours] - x[v]).T, full_matrices=False)
        for k in range(2):
            assert_close((frames[v, k] @ left[:, k]).abs(), 1.0, kind="accumulated")
        assert ((frames[v] ** 3).sum(1) >= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_transports_are_orthogonal_and_mutual(dtype):
    x, edge_index = cloud(degree=8)
    adj = to_csr(edge_index, num_nodes=12)
    maps = connection(adj, x.to(dtype), 2)
    assert_close(maps.mT @ maps, torch.eye(2, dtype=dtype).expand_as(maps), kind="accumulated")
    table = dict(zip(zip(*pairs(adj), strict=True), maps, strict=True))
    for (i, j), matrix in table.items():
        assert_close(matrix, table[j, i].T, kind="accumulated")


def pairs(adj):
    return adj.rows().tolist(), adj.col.tolist()


def test_on_a_plane_frames_agree_up_to_the_plane():
    """Points of a plane: every frame spans it, and transports close around every cycle."""
    x, edge_index = cloud(degree=8, num_features=2)
    plane = torch.linalg.qr(torch.randn(6, 2, dtype=torch.float64)).Q
    adj = to_csr(edge_index, num_nodes=12)
    frames = local_frames(adj, x @ plane.T, 2)
    maps = connection(adj, x @ plane.T, 2)
    for (i, j), matrix in zip(zip(*pairs(adj), strict=True), maps, strict=True):
        assert_close(frames[i].T @ matrix, frames[j].T, kind="accumulated")


def test_nodes_with_few_neighbours_borrow_the_nearest():
    x = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 1.0], [9.0, 9.0]], dtype=torch.float64)
    adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=4)
    alone = local_frames(adj, x, 2, borrow=False)
    assert_close(alone[0], [[1.0, 0.0], [0.0, 0.0]])
    assert torch.equal(alone[3], torch.zeros(2, 2).double())
    borrowed = local_frames(adj, x, 2)
    assert_close(borrowed[0], [[1.0, 0.0], [0.0, 1.0]])
    assert_close(borrowed[3] @ borrowed[3].T, torch.eye(2))
    batch = torch.tensor([0, 0, 1, 1])
    fenced = local_frames(adj, x, 2, batch=batch)
    assert_close(fenced[0], [[1.0, 0.0], [0.0, 0.0]])


def test_where_a_direction_is_missing_it_is_not_transported():
    """Two nodes on a line have one direction each, and nobody to borrow a second from."""
    x = torch.tensor([[0.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    signs = local_frames(adj, x, 2)[:, 0, 0]
    assert_close(connection(adj, x, 2), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]] * 2) * signs.prod())


def test_degenerate_graphs_are_finite():
    empty = to_csr(torch.zeros(2, 0, dtype=torch.long), num_nodes=3)
    assert connection(empty, torch.randn(3, 4), 2).shape == (0, 2, 2)
    loops = to_csr(torch.tensor([[0, 1, 1], [0, 1, 1]]), num_nodes=2)
    assert connection(loops, torch.randn(2, 4), 2).isfinite().all()
    same = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    assert torch.equal(connection(same, torch.ones(2, 4), 3), torch.zeros(2, 3, 3))


def test_arguments_are_checked():
    adj = to_csr(torch.tensor([[0], [1]]), num_nodes=2)
    with pytest.raises(ValueError, match="rank: got 0"):
        connection(adj, torch.ones(2, 3), 0)
    with pytest.raises(ValueError, match="x: got shape"):
        connection(adj, torch.ones(3, 3), 1)
