import pytest
import torch

from graphpoly.models.pooling import check_pool, pool_nodes


def test_pools_by_graph():
    x = torch.tensor([[1.0], [3.0], [5.0]])
    batch = torch.tensor([0, 0, 2])
    assert pool_nodes(x, None, batch) is x
    assert pool_nodes(x, "mean", batch).flatten().tolist() == [2.0, 0.0, 5.0]
    assert pool_nodes(x, "add", None).tolist() == [[9.0]]
    assert pool_nodes(x, "max", batch[:2].new_tensor([0, 0, 1]), 3).shape == (3, 1)


def test_unknown_pool_is_named():
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        check_pool("meen")
