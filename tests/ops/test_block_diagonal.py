import pytest
import torch

from graphpoly.ops import to_csr
from graphpoly.ops.block_diagonal import block_diagonal
from graphpoly.testing import assert_close
from tests.ops.graphs import dense


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_is_a_block_for_each_row_of_values(blocks, transposed):
    edge_index = torch.tensor([[0, 2, 1, 1, 2], [1, 1, 0, 2, 2]])
    adj = to_csr(edge_index, num_nodes=4, transposed=transposed)
    values = torch.randn(blocks, 5)
    made = block_diagonal(adj, values)
    alone = [dense(adj.with_weight(row)) for row in values]
    assert_close(dense(made), torch.block_diag(*alone) if blocks else torch.zeros(0, 0))
    if transposed:
        again = to_csr(torch.stack([made.col, made.rows()]), num_nodes=4 * blocks, transposed=True)
        for got, wanted in zip(made.transposed, again.transposed, strict=True):
            assert torch.equal(got.long(), wanted.long())
