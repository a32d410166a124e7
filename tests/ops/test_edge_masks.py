import pytest
import torch
from torch.nn import Parameter
from torch_geometric.explain.algorithm.utils import set_masks
from torch_geometric.nn import GraphConv, Sequential

from graphpoly.ops.edge_masks import carried_masks
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 2, 2], [1, 2, 2, 0]])
MOVED = torch.tensor([[2, 0, 0, 2, 1], [0, 3, 1, 2, 3]])
PLACE = torch.tensor([3, -1, 0, 2, -1])


def network():
    torch.manual_seed(0)
    return Sequential("x, e, w", [(GraphConv(2, 3), "x, e, w -> x")])


@pytest.mark.parametrize("squashed", [True, False])
@pytest.mark.parametrize("kind", [Parameter, torch.Tensor.clone])
def test_masks_follow_and_come_back(kind, squashed):
    net, x = network(), torch.randn(4, 2)
    mask = kind(torch.tensor([0.2, 0.4, 0.6, 0.8]))
    weight = (mask.sigmoid() if squashed else mask).detach()
    weight = torch.stack([weight[3], torch.tensor(1.0), weight[0], weight[2], torch.tensor(1.0)])
    expected = net(x, MOVED, weight)
    before = net(x, EDGES, None)
    set_masks(net, mask, EDGES, apply_sigmoid=squashed)
    there = net(x, EDGES, None)
    with carried_masks(net, MOVED, PLACE):
        assert_close(net(x, MOVED, None), expected)
    assert_close(net(x, EDGES, None), there)
    assert not torch.equal(there, before)
    (conv,) = (module for module in net.modules() if isinstance(module, GraphConv))
    assert conv._edge_mask is mask
    assert ("_edge_mask" in conv._parameters) == isinstance(mask, Parameter)
    with pytest.raises(ZeroDivisionError), carried_masks(net, MOVED, PLACE):
        raise ZeroDivisionError
    assert conv._edge_mask is mask


def test_other_edges_alone_have_no_gradient():
    net, x = network(), torch.randn(4, 2)
    for edges in (EDGES, EDGES[:, :0]):
        mask = torch.ones(edges.size(1), requires_grad=True)
        set_masks(net, mask, edges)
        with carried_masks(net, MOVED, torch.full((5,), -1)):
            out = net(x, MOVED, None)
        (found,) = torch.autograd.grad(out.sum(), mask, allow_unused=True)
        assert found is None
        assert_close(out, network()(x, MOVED, None))
