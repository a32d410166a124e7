import torch
from torch_geometric.nn import MessagePassing

from graphpoly.layers.edge_mask import masked
from graphpoly.ops import normalize, to_csr
from graphpoly.testing import assert_close

EDGES = torch.tensor([[2, 0, 1], [1, 1, 0]])


class Conv(MessagePassing):
    """Not MessagePassing itself: an instance rewrites its class, and all that derive from it."""


def test_edges_are_weighed_and_added_loops_are_not():
    conv = Conv()
    conv.explain, conv._apply_sigmoid = True, False
    conv._edge_mask = torch.tensor([0.1, 0.2, 0.3])
    bare = torch.tensor([[0, 0.3, 0], [0.2, 0, 0.1], [0, 0, 0]])
    assert_close(masked(conv, to_csr(EDGES, num_nodes=3)).to_dense(), bare)
    looped = normalize(EDGES, 2 * torch.ones(3), 3, normalization=None, add_self_loops=True)
    assert_close(masked(conv, looped).to_dense(), 2 * bare + torch.eye(3))
    conv._apply_sigmoid = True
    weights = masked(conv, to_csr(EDGES, num_nodes=3)).to_dense()
    assert_close(weights[1, 2], torch.tensor(0.1).sigmoid())


def test_nothing_happens_without_an_explainer():
    adj = to_csr(EDGES, num_nodes=3)
    assert masked(Conv(), adj) is adj
