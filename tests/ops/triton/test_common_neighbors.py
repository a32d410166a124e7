import pytest
import torch

from graphpoly.ops import common_neighbors
from graphpoly.ops.common_neighbors import _sum_reference, sort_rows
from tests.ops.triton.compare import assert_same, operator


@pytest.mark.parametrize("shape", [(6, 6, 0), (6, 6, 30), (3, 3, 40)])
def test_value_and_gradients(shape):
    adj = sort_rows(operator(shape))
    pairs = torch.randint(0, shape[0], (2, 9))
    index = pairs.to(adj.col.dtype)
    arguments = (adj.rowptr, adj.col, adj.rowptr, adj.col, *index)
    assert_same(
        lambda x: common_neighbors(adj, adj, pairs, x=x),
        lambda x: _sum_reference(*arguments, x),
        {"x": torch.randn(shape[1], 3, dtype=torch.float64)},
    )
