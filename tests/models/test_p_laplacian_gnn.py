import torch

from graphpoly.models import PLaplacianGNN
from graphpoly.testing import assert_close, graph_zoo


def test_all_layers_convolve_with_what_the_first_cleaned():
    data = graph_zoo(names=["grid"], num_features=5)["grid"]
    net = PLaplacianGNN(5, 6, 3, num_layers=3, steps=4).eval()
    adj = net.convs[0].clean(data.x, data.edge_index)
    x = data.x
    for conv in net.convs[:2]:
        x = conv.convolve(x, adj).relu()
    assert_close(net(data.x, data.edge_index), net.convs[2].convolve(x, adj))
    assert net.num_hops == 7
    assert torch.equal(net(data.x, data.edge_index), net(data.x, data.edge_index))
