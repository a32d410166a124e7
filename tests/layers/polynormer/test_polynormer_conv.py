import math

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn.attention.polynormer import PolynormerAttention
from torch_geometric.utils import to_dense_batch

from graphpoly.layers import PolynormerConv
from graphpoly.testing import assert_close, check_layer, graph_zoo

NAMES = ["star", "one_node", "erdos_renyi", "no_edges"]


def unequal_graphs():
    zoo = graph_zoo(num_features=5, dtype=torch.float64, names=NAMES)
    return [Data(x=data.x, edge_index=data.edge_index) for data in zoo.values()]


def test_output_of_a_graph_does_not_depend_on_its_batch():
    graphs = unequal_graphs()
    conv = PolynormerConv(5, 8, heads=4, local_layers=2, global_layers=2).double()
    batch = Batch.from_data_list(graphs)
    out = conv(batch.x, batch.edge_index, batch.batch)
    for i, graph in enumerate(graphs):
        alone = conv(graph.x, graph.edge_index)
        assert_close(out[batch.ptr[i] : batch.ptr[i + 1]], alone, what=NAMES[i])


def test_the_padded_attention_of_pyg_does_depend_on_its_batch():
    """The test above can fail: it does for an attention that pads."""
    graphs = unequal_graphs()
    attention = PolynormerAttention(5, heads=1, head_channels=5, beta=0.9).double().eval()
    batch = Batch.from_data_list(graphs)
    padded, mask = to_dense_batch(batch.x, batch.batch)
    together = attention(padded, mask)[mask]
    alone = torch.cat([attention(*to_dense_batch(graph.x)).squeeze(0) for graph in graphs])
    assert (together - alone).abs().max() > 1e-3


def test_nodes_may_be_renamed_and_graphs_interleaved():
    batch = Batch.from_data_list(unequal_graphs())
    conv = PolynormerConv(5, 8, heads=2, global_layers=2).double()
    order = torch.randperm(batch.num_nodes)
    x = torch.empty_like(batch.x).index_copy(0, order, batch.x)
    graph = torch.empty_like(batch.batch).index_copy(0, order, batch.batch)
    renamed = conv(x, order[batch.edge_index], graph)
    assert_close(renamed[order], conv(batch.x, batch.edge_index, batch.batch))


def frozen(local_layers, global_layers):
    """Attention that averages whatever the features are, and no normalisation."""
    conv = PolynormerConv(
        3, 4, heads=2, local_layers=local_layers, global_layers=global_layers
    ).double()
    with torch.no_grad():
        for layer in conv.locals:
            layer.norm = nn.Identity()
            layer.att_src.zero_()
            layer.att_dst.zero_()
        for layer in conv.globals:
            layer.norm = nn.Identity()
            layer.lin_key.weight.zero_()
    if global_layers:
        conv.norm = nn.Identity()
    return conv


def difference(values, order):
    """The finite difference of that order over equally spaced values, and the size of its terms."""
    signs = [(-1.0) ** (order - k) * math.comb(order, k) for k in range(order + 1)]
    terms = torch.stack([s * v for s, v in zip(signs, values[: order + 1], strict=True)])
    return terms.sum(0).abs().max(), terms.abs().max()


@pytest.mark.parametrize(
    ("local_layers", "global_layers"), [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1)]
)
def test_is_a_polynomial_of_degree_two_to_the_number_of_layers(local_layers, global_layers):
    data = graph_zoo(names=["grid"], num_features=3, dtype=torch.float64)["grid"]
    conv = frozen(local_layers, global_layers)
    degree = 2 ** (local_layers + global_layers)
    direction = torch.randn_like(data.x)
    values = [
        conv(data.x + (k - degree / 2) * direction, data.edge_index).detach()
        for k in range(degree + 2)
    ]
    there, size = difference(values, degree)
    assert there > 1e-6 * size
    beyond, size = difference(values, degree + 1)
    assert beyond < 1e-12 * size


def test_relu_and_attention_are_what_makes_it_no_polynomial():
    data = graph_zoo(names=["grid"], num_features=3, dtype=torch.float64)["grid"]
    conv = PolynormerConv(3, 4, global_layers=0).double()
    direction = torch.randn_like(data.x)
    values = [conv(data.x + k * direction, data.edge_index).detach() for k in range(4)]
    beyond, size = difference(values, 3)
    assert beyond > 1e-6 * size


def test_with_relu_it_keeps_the_same_promises():
    only = ["batch", "float64", "gradcheck", "repr", "degenerate_graphs", "reset_parameters"]
    check_layer(lambda: PolynormerConv(6, 4, heads=2, relu=True, beta=0.1), only=only)


def test_without_global_layers_it_sees_as_far_as_num_hops():
    conv = PolynormerConv(6, 4, heads=2, local_layers=2, global_layers=0)
    conv.compliance_exceptions = {}
    check_layer(conv, only=["num_hops", "batch", "gradcheck", "used_parameters"])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="heads: got 3, expected a divisor of 8"):
        PolynormerConv(4, 8, heads=3)
    with pytest.raises(ValueError, match="local_layers"):
        PolynormerConv(4, 8, local_layers=0)
