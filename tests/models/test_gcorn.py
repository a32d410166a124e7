import torch

from graphpoly.models import GCORN
from graphpoly.testing import assert_close, graph_zoo
from tests.ops.graphs import dense


def test_equals_its_equation_on_dense_matrices():
    net = GCORN(5, 6, 3, num_layers=3).double().eval()
    for name, data in graph_zoo(weighted=True, num_features=5, dtype=torch.float64).items():
        x = data.x
        p = dense(net.convs[0].operator(x, data.edge_index, data.edge_weight))
        for conv in net.convs:
            left, _, right = torch.linalg.svd(conv.lin.weight, full_matrices=False)
            x = (p @ x @ (left @ right).T).relu()
        out = net(data.x, data.edge_index, data.edge_weight)
        assert_close(out, x @ net.lin.weight.T + net.lin.bias, kind="accumulated", what=name)
    assert net.num_hops == 3


def test_dropout_lies_between_the_convolutions_alone():
    data = graph_zoo(names=["grid"], num_features=5)["grid"]
    one = GCORN(5, 6, 3, num_layers=1, dropout=0.9).train()
    assert torch.equal(one(data.x, data.edge_index), one(data.x, data.edge_index))
    two = GCORN(5, 6, 3, dropout=0.9).train()
    assert not torch.equal(two(data.x, data.edge_index), two(data.x, data.edge_index))
