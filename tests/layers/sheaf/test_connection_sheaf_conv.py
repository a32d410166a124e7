import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Batch, Data

from graphpoly.layers import ConnectionMaps, ConnectionSheafConv, connection_maps
from graphpoly.testing import assert_close
from tests.layers.sheaf.graphs import graph, weights


def conv_for(size=2, **options):
    torch.manual_seed(0)
    return ConnectionSheafConv(6, 4 * size, stalk_dim=size, **options).double()


def test_laplacian_is_that_of_the_definition():
    x, edge_index = graph()
    weight = weights(edge_index)
    conv = conv_for(normalization=None)
    maps = connection_maps(x, edge_index, 2).view(-1, 2, 2)
    expected = torch.zeros(10, 2, 10, 2, dtype=torch.float64)
    for e, (u, v) in enumerate(edge_index.T.tolist()):
        expected[v, :, v] += weight[e] * torch.eye(2)
        expected[v, :, u] -= weight[e] * maps[e]
    laplacian = conv.laplacian(x, edge_index, weight)
    assert_close(laplacian.to_dense(), expected.view(20, 20), kind="accumulated")


def test_is_the_step_of_that_laplacian():
    x, edge_index = graph()
    conv = conv_for()
    stalks = conv.lin(x).view(20, 4)
    matrix = conv.laplacian(x, edge_index).to_dense()
    expected = (stalks - F.elu(matrix @ stalks @ conv.right.T)).view(10, 8)
    assert_close(conv(x, edge_index), expected, kind="accumulated")


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("borrow", [True, False])
def test_spectrum_does_not_change_when_features_are_rotated(size, borrow):
    x, edge_index = graph(degree=6)
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    conv = conv_for(size, borrow=borrow)
    plain, turned = conv.laplacian(x, edge_index), conv.laplacian(x @ turn, edge_index)
    assert_close(plain.spectrum(), turned.spectrum(), kind="accumulated")
    values = plain.spectrum()
    assert values.min() > -1e-10
    assert values.max() < 2


def test_neither_does_it_with_few_neighbours_and_shuffled_edges():
    x, edge_index = graph(degree=2, seed=3)
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    order = torch.randperm(edge_index.size(1))
    for borrow in (True, False):
        conv = conv_for(3, borrow=borrow)
        values = conv.laplacian(x, edge_index).spectrum()
        again = conv.laplacian(x @ turn, edge_index[:, order]).spectrum()
        assert_close(again, values, kind="accumulated")


def test_transports_on_the_fly_stored_and_shuffled_are_the_same():
    x, edge_index = graph()
    conv = conv_for()
    out = conv(x, edge_index)
    data = ConnectionMaps(2)(Data(x=x, edge_index=edge_index))
    assert torch.equal(conv(x, edge_index, edge_attr=data.edge_attr), out)
    order = torch.randperm(edge_index.size(1))
    shuffled = conv(x, edge_index[:, order], edge_attr=data.edge_attr[order])
    assert_close(shuffled, out)
    assert_close(conv(x, edge_index[:, order]), out, kind="accumulated")


def test_a_batch_is_its_graphs_stored_or_on_the_fly():
    graphs = [Data(x=x, edge_index=e) for x, e in (graph(seed=1), graph(4, seed=2), graph(7))]
    graphs.append(Data(x=torch.randn(2, 6).double(), edge_index=torch.zeros(2, 0).long()))
    graphs = [ConnectionMaps(2)(data) for data in graphs]
    conv = conv_for()
    batch = Batch.from_data_list(graphs)
    alone = torch.cat([conv(data.x, data.edge_index) for data in graphs])
    stored = conv(batch.x, batch.edge_index, edge_attr=batch.edge_attr)
    assert_close(stored, alone, kind="accumulated")
    fly = conv(batch.x, batch.edge_index, batch=batch.batch)
    assert_close(fly, alone, kind="accumulated")


def test_on_the_fly_compiles_in_one_graph_and_trains():
    x, edge_index = graph()
    conv = conv_for().float()
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    out = compiled(x.float(), edge_index)
    assert_close(out, conv(x.float(), edge_index))
    out.sum().backward()
    assert conv.right.grad.isfinite().all()
    torch._dynamo.reset()


def test_degenerate_input_is_finite():
    conv = conv_for(3)
    empty, pair = torch.zeros(2, 0).long(), torch.tensor([[0, 1, 1], [1, 0, 1]])
    for x in (torch.randn(2, 6).double(), torch.zeros(2, 6).double()):
        for edge_index in (empty, pair, torch.cat([pair, pair], 1)):
            assert conv(x, edge_index).isfinite().all()


def test_the_transform_says_what_it_needs():
    x, edge_index = graph()
    assert repr(ConnectionMaps(3)) == "ConnectionMaps(3, attr='edge_attr', borrow=True)"
    taken = Data(x=x, edge_index=edge_index, edge_attr=torch.ones(edge_index.size(1), 1))
    with pytest.raises(ValueError, match="has 'edge_attr' already"):
        ConnectionMaps(2)(taken)
    assert ConnectionMaps(2, attr="maps")(taken).maps.shape == (edge_index.size(1), 4)
    with pytest.raises(ValueError, match="x and edge_index are needed"):
        ConnectionMaps(2)(Data(edge_index=edge_index))
    with pytest.raises(ValueError, match=r"expected the transports \[\d+, 4\]"):
        conv_for()(x, edge_index, edge_attr=torch.ones(edge_index.size(1), 9))
