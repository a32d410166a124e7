import pytest
import torch

from graphpoly.models import (
    EGNN,
    GRAFENNE,
    GSPN,
    MPNN,
    ComparatorNet,
    GraphMamba,
    GraphViT,
    SCRaWl,
)
from graphpoly.models.pooling import POOLS, check_pool, pool_nodes


def test_pools_by_graph():
    x = torch.tensor([[1.0], [3.0], [5.0]])
    batch = torch.tensor([0, 0, 2])
    assert pool_nodes(x, None, batch) is x
    assert pool_nodes(x, "mean", batch).flatten().tolist() == [2.0, 0.0, 5.0]
    assert pool_nodes(x, "add", None).tolist() == [[9.0]]
    assert pool_nodes(x, "max", batch[:2].new_tensor([0, 0, 1]), 3).shape == (3, 1)


@pytest.mark.parametrize("pool", POOLS)
def test_a_graph_without_nodes_is_zero_alone_as_in_a_batch(pool):
    x = torch.empty(0, 2, requires_grad=True)
    alone = pool_nodes(x, pool, None)
    assert torch.equal(alone, pool_nodes(x, pool, torch.empty(0, dtype=torch.long), 1))
    assert alone.tolist() == [[0.0, 0.0]]
    alone.sum().backward()
    assert x.grad.shape == (0, 2)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("width", [1, 2, 24])
def test_a_batch_of_int32_is_one_of_int64(pool, width):
    x, batch = torch.randn(5, width, requires_grad=True), torch.tensor([0, 0, 2, 3, 3])
    out = [pool_nodes(x, pool, each, 5) for each in (batch, batch.int())]
    grad = [torch.autograd.grad(each.square().sum(), x)[0] for each in out]
    assert torch.equal(*out)
    assert torch.equal(*grad)


POOLED = {
    "ComparatorNet": lambda: ComparatorNet(3, 4, 2, pool="add"),
    "EGNN": lambda: EGNN(3, 4, 2, pool="mean"),
    "GRAFENNE": lambda: GRAFENNE(4, 2, pool="max"),
    "GSPN": lambda: GSPN(3, 4, 2, pool="mean"),
    "GraphMamba": lambda: GraphMamba(3, 4, 2, pool="mean"),
    "GraphMamba(walks)": lambda: GraphMamba(3, 4, 2, walk_length=2, node_layers=0, pool="add"),
    "GraphViT": lambda: GraphViT(3, 8, 2, num_layers=1, method="random", pool="add"),
    "MPNN": lambda: MPNN(3, 4, 2, readout="add"),
    "MPNN(set2set)": lambda: MPNN(3, 4, 2, master_channels=2, readout="set2set"),
    "SCRaWl": lambda: SCRaWl(3, 4, 2, pool="mean"),
}


@pytest.mark.parametrize("name", POOLED)
def test_what_is_no_batch_is_refused_by_name(name):
    net, x = POOLED[name]().eval(), torch.randn(4, 3)
    edges, batch = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]), torch.tensor([0, 0, 1, 1])
    places = (torch.randn(4, 3),) if name == "EGNN" else ()
    assert net(x, edges, *places, batch=batch).shape == (2, 2)
    for wrong in (batch[:3], batch - 1, batch.double(), batch.unsqueeze(1)):
        with pytest.raises((TypeError, ValueError), match="batch: got"):
            net(x, edges, *places, batch=wrong)
    with pytest.raises(ValueError, match=r"batch: got 0 to 1, expected indices in \[0, 1\)"):
        net(x, edges, *places, batch=batch, batch_size=1)


def test_unknown_pool_is_named():
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        check_pool("meen")
