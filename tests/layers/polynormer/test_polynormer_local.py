import torch
import torch.nn.functional as F
from torch_geometric.nn import GATConv

from graphpoly.layers.polynormer import PolynormerLocal
from graphpoly.testing import assert_close, graph_zoo


def test_equals_the_equation_with_the_attention_of_gat():
    for name, data in graph_zoo(num_features=6, dtype=torch.float64).items():
        layer = PolynormerLocal(6, heads=3, relu=True).double()
        gat = GATConv(6, 2, heads=3, add_self_loops=False, bias=False).double()
        with torch.no_grad():
            layer.gate.weight.normal_()
            gat.lin.weight.copy_(layer.lin_value.weight)
            gat.att_src.copy_(layer.att_src.unsqueeze(0))
            gat.att_dst.copy_(layer.att_dst.unsqueeze(0))
        near = (gat(data.x, data.edge_index) + layer.lin(data.x)).relu()
        gate = layer.lin_gate(data.x).relu()
        beta = layer.gate.weight.sigmoid()
        expected = (1 - beta) * F.layer_norm(gate * near, (6,)) + beta * near
        assert_close(layer(data.x, data.edge_index), expected, what=name)


def test_an_explainers_mask_scales_messages_after_the_softmax():
    data = graph_zoo(names=["erdos_renyi"], num_features=4, dtype=torch.float64)["erdos_renyi"]
    layer = PolynormerLocal(4, heads=2).double()
    expected = layer(data.x, data.edge_index)
    layer.explain = True
    layer._apply_sigmoid = False
    layer._edge_mask = torch.ones(data.num_edges, dtype=torch.float64)
    assert_close(layer(data.x, data.edge_index), expected)
    layer._edge_mask = torch.zeros(data.num_edges, dtype=torch.float64)
    alone = layer(data.x, data.edge_index[:, :0])
    layer.explain = False
    assert_close(alone, layer(data.x, data.edge_index[:, :0]))
