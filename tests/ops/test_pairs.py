import torch

from graphpoly.ops import pair_sum
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, dense, random_csr


def test_equals_the_dense_matrix_at_each_entry():
    for name, shape in SHAPES.items():
        adj = random_csr(shape)
        expected = dense(adj)[adj.rows().long(), adj.col.long()]
        assert_close(pair_sum(adj, adj.weight), expected, what=name)


def test_unordered_pairs_count_loops_once():
    adj = random_csr(SHAPES["duplicates"])
    matrix = dense(adj)
    both = matrix + matrix.T - matrix.diag().diag()
    expected = both[adj.rows().long(), adj.col.long()]
    assert_close(pair_sum(adj, adj.weight, unordered=True), expected)


def test_columns_and_gradients():
    adj = random_csr((4, 4, 9))
    value = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    out = pair_sum(adj, value)
    assert_close(out[:, 1], pair_sum(adj, value[:, 1]))
    assert torch.autograd.gradcheck(lambda v: pair_sum(adj, v, unordered=True), [value])
