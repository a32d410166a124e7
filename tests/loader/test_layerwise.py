"""Blocks of nodes give what one pass over the whole graph gives."""

import pytest
import torch
import torch.nn.functional as F
from torch_geometric import nn as pyg
from torch_geometric.data import Data

from graphpoly.layers import (
    BernConv,
    ConnectionSheafConv,
    CooperativeConv,
    FEConv,
    GPRConv,
    JacobiConv,
    LASERConv,
    PathConv,
    PDFConv,
    PLaplacianConv,
    SCRaWlConv,
    SheafConv,
    connection_maps,
)
from graphpoly.loader import layerwise_inference
from graphpoly.models import PLaplacianGNN
from graphpoly.testing.tolerances import assert_close

NODES, EDGES = 40, 90


def graph(*, both=False):
    """A sparse graph with directions, loops, repeated edges and nodes without any."""
    torch.manual_seed(0)
    edge_index = torch.randint(NODES - 3, (2, EDGES))
    edge_index = torch.cat([edge_index, edge_index[:, :4], torch.tensor([[1, 2], [1, 2]])], 1)
    if both:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    return Data(
        x=torch.randn(NODES, 6, dtype=torch.float64),
        edge_index=edge_index,
        edge_weight=torch.rand(edge_index.size(1), dtype=torch.float64),
        edge_attr=torch.randn(edge_index.size(1), 3, dtype=torch.float64),
    )


def whole(network, data, **kwargs):
    with torch.no_grad():
        return network.eval()(data.x, data.edge_index, **kwargs)


ONE_HOP = {
    "GCN": lambda: pyg.GCNConv(6, 6),
    "SAGE": lambda: pyg.SAGEConv(6, 6),
    "SAGE max": lambda: pyg.SAGEConv(6, 6, aggr="max"),
    "SAGE median": lambda: pyg.SAGEConv(6, 6, aggr="median"),
    "GAT": lambda: pyg.GATConv(6, 3, heads=2),
    "GIN": lambda: pyg.GINConv(torch.nn.Linear(6, 6), train_eps=True),
    "GCN from the targets": lambda: pyg.GCNConv(6, 6, flow="target_to_source"),
}
MANY_HOPS = {
    "GPR": lambda: GPRConv(6, 6, K=3),
    "Jacobi": lambda: JacobiConv(6, 6, K=2),
    "Bern": lambda: BernConv(6, 6, K=2),
    "PDF": lambda: PDFConv(6, 6),
    "SG": lambda: pyg.SGConv(6, 6, K=2),
    "TAG": lambda: pyg.TAGConv(6, 6, K=2),
    "APPNP": lambda: pyg.APPNP(3, 0.1),
}


@pytest.mark.parametrize("name", {**ONE_HOP, **MANY_HOPS})
@pytest.mark.parametrize("block_size", [1, 7, 1000])
def test_layers(name, block_size):
    data = graph()
    first, last = ({**ONE_HOP, **MANY_HOPS}[name]().double().eval() for _ in range(2))
    found = layerwise_inference([(first, F.elu), last], data, block_size=block_size)
    with torch.no_grad():
        expected = last(F.elu(first(data.x, data.edge_index)), data.edge_index)
    assert_close(found, expected)


BOTH_WAYS = {
    "Cheb": lambda: pyg.ChebConv(6, 4, K=3),
    "Cheb of one degree": lambda: pyg.ChebConv(6, 4, K=2, normalization="rw"),
    "Cheb from the targets": lambda: pyg.ChebConv(6, 4, K=3, flow="target_to_source"),
    "LASER": lambda: LASERConv(6, 4),
    "p-Laplacian": lambda: PLaplacianConv(6, 4, steps=2),
    "sheaf": lambda: ConnectionSheafConv(6, 4, borrow=False),
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", BOTH_WAYS)
def test_layers_that_divide_by_out_degrees(name, both):
    conv, data = BOTH_WAYS[name]().double(), graph(both=both)
    for weight in (None, data.edge_weight):
        given = {} if weight is None else {"edge_weight": weight}
        expected = whole(conv, data, **given)
        for size in (1, 5):
            assert_close(layerwise_inference([conv], data, block_size=size, **given), expected)


@pytest.mark.parametrize("base", ["gin", "gat", "gcn", "mean", "kept_mean"])
@pytest.mark.parametrize("action_base", ["mean", "gat"])
def test_gates_are_those_of_the_nodes_of_a_block(base, action_base):
    data = graph()
    first = CooperativeConv(6, 6, base, action_base=action_base).double()
    last = CooperativeConv(6, 4, "gin").double()
    with torch.no_grad():
        expected = last.eval()(first.eval()(data.x, data.edge_index).relu(), data.edge_index)
    for size in (1, 7, 39):
        found = layerwise_inference([(first, torch.relu), last], data, block_size=size)
        assert_close(found, expected)


@pytest.mark.parametrize("maps", ["diagonal", "general", "householder"])
def test_degrees_that_are_learned(maps):
    data, conv = graph(both=True), SheafConv(6, 4, maps=maps, edge_strength=True).double()
    found = layerwise_inference([conv], data, block_size=7)
    assert_close(found, whole(conv, data))


@pytest.mark.parametrize(
    ("conv", "reason"),
    [
        (PathConv(6, 4, 2, paths="single"), "which shortest path is read follows the numbers"),
        (SCRaWlConv(6, 4, walk_length=9), "which walks are drawn follows the numbers"),
        (PDFConv(6, 4, hops=None), "hops=None takes all pairs of nodes"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_follows_the_numbers_of_nodes_or_sees_them_all_is_refused(conv, reason):
    with pytest.raises(ValueError, match=f"{type(conv).__name__}: has no blocks: {reason}"):
        layerwise_inference([conv.double()], graph(), block_size=7)


def test_a_network_that_asks_what_its_layers_take():
    data = graph()
    conv = CooperativeConv(6, 4, "sum").double()
    found = layerwise_inference(conv, data, block_size=7, edge_weight=data.edge_weight)
    assert_close(found, whole(conv, data, edge_weight=data.edge_weight))


def test_what_is_taken_of_the_whole_graph_is_given():
    data = graph()
    cheb = pyg.ChebConv(6, 4, K=3, normalization=None).double()
    with pytest.raises(ValueError, match="ChebConv: has no blocks: lambda_max"):
        layerwise_inference([cheb], data, block_size=5)
    most = torch.tensor(9.0, dtype=torch.float64)
    found = layerwise_inference([cheb], data, block_size=5, lambda_max=most)
    assert_close(found, whole(cheb, data, lambda_max=most))
    sheaf = ConnectionSheafConv(6, 4).double()
    with pytest.raises(ValueError, match="ConnectionSheafConv: has no blocks: nodes borrow"):
        layerwise_inference([sheaf], data, block_size=5)
    maps = {"edge_attr": connection_maps(data.x, data.edge_index, 2)}
    found = layerwise_inference([sheaf], data, block_size=5, **maps)
    assert_close(found, whole(sheaf, data, **maps))


@pytest.mark.parametrize("jk", [None, "cat", "max", "lstm", "last"])
@pytest.mark.parametrize("norm", ["BatchNorm", "LayerNorm", "GraphNorm"])
def test_networks_of_pyg_with_statistics_over_all_nodes(jk, norm):
    data = graph()
    torch.manual_seed(1)
    network = pyg.GCN(6, 8, 3, 4, dropout=0.5, norm=norm, jk=jk).double()
    network(data.x, data.edge_index)  # statistics of the training graph
    found = layerwise_inference(network, data, block_size=9, edge_weight=data.edge_weight)
    assert network.training
    assert all(module.training for module in network.modules())
    assert not any("forward" in vars(module) for module in network.modules())
    assert_close(found, whole(network, data, edge_weight=data.edge_weight))


def test_edges_carry_features_and_nodes_their_first_rows():
    data = graph()
    gat = pyg.GAT(6, 8, 2, 4, v2=True, edge_dim=3).double()
    found = layerwise_inference(gat, data, block_size=9, edge_attr=data.edge_attr)
    assert_close(found, whole(gat, data, edge_attr=data.edge_attr))
    gcn2, start = pyg.GCN2Conv(6, 0.3).double(), data.x.flip(0)
    network = pyg.Sequential("x, edge_index, x_0", [(gcn2, "x, x_0, edge_index -> x")])
    found = layerwise_inference(network, data, block_size=9, x_0=start)
    assert_close(found, whole(network, data, x_0=start))


def test_modules_without_messages_get_rows_alone():
    data = graph()
    layers = [
        torch.nn.Linear(6, 5),
        (pyg.SAGEConv(5, 3), torch.relu),
        (torch.nn.Linear(3, 2), None),
    ]
    first, (conv, _), (last, _) = layers
    for layer in (first, conv, last):
        layer.double()
    with torch.no_grad():
        expected = last(conv(first(data.x), data.edge_index).relu())
    assert_close(layerwise_inference(layers, data, block_size=11), expected)


def test_a_block_reads_no_more_than_its_neighborhood():
    sizes = []
    path = Data(
        x=torch.ones(100, 1), edge_index=torch.stack([torch.arange(99), torch.arange(1, 100)])
    )
    for conv, hops in ((pyg.SAGEConv(1, 1), 1), (pyg.GCNConv(1, 1), 2), (GPRConv(1, 1, K=3), 4)):
        sizes.clear()
        inner = conv.forward

        def forward(x, edge_index, inner=inner):
            sizes.append((x.size(0), edge_index.size(1)))
            return inner(x, edge_index)

        model = pyg.Sequential("x, edge_index", [(conv, "x, edge_index -> x")])
        conv.forward = forward
        layerwise_inference(model, path, block_size=10)
        assert conv.forward is forward
        # the first block begins the path, the others have as many nodes before them as hops
        assert sizes == [(10, 9)] + [(10 + hops, 9 + hops)] * 9


class Gathered(pyg.MessagePassing):
    """What an aggregation makes of the features of neighbours; its rim is read, too."""

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=x)


def sorted_by_target(data):
    data.edge_index = data.edge_index[:, data.edge_index[1].argsort(stable=True)]
    return data


TOGETHER = {
    "EquilibriumAggregation": lambda: pyg.EquilibriumAggregation(6, 4, [4]),
    "GRUAggregation": lambda: pyg.GRUAggregation(6, 4),
    "LCMAggregation": lambda: pyg.LCMAggregation(6, 4),
    "LSTMAggregation": lambda: pyg.LSTMAggregation(6, 4),
    "PatchTransformerAggregation": lambda: pyg.aggr.PatchTransformerAggregation(6, 4, 2, 4),
}
APART = {
    "median": lambda: pyg.MedianAggregation(),
    "MLP": lambda: pyg.MLPAggregation(6, 4, EDGES, num_layers=1),
    "multiset": lambda: pyg.GraphMultisetTransformer(6, 3),
    "quantiles": lambda: pyg.QuantileAggregation([0.1, 0.9]),
    "Set2Set": lambda: pyg.Set2Set(6, 2),
    "set transformer": lambda: pyg.SetTransformerAggregation(6),
    "sorted": lambda: pyg.SortAggregation(2),
    "softmax": lambda: pyg.SoftmaxAggregation(learn=True),
    "std": lambda: pyg.StdAggregation(),
}


@pytest.mark.parametrize("block_size", [1, 7, 1000])
@pytest.mark.parametrize("name", APART)
def test_aggregations_that_ask_for_sorted_targets(name, block_size):
    data, conv = sorted_by_target(graph()), Gathered(APART[name]()).double()
    assert_close(layerwise_inference(conv, data, block_size=block_size), whole(conv, data))


@pytest.mark.parametrize("name", TOGETHER)
def test_aggregations_of_all_neighborhoods_together_are_refused(name):
    data, conv = sorted_by_target(graph()), Gathered(TOGETHER[name]()).double()
    with pytest.raises(ValueError, match=f"Gathered: has no blocks: {name}"):
        layerwise_inference(conv, data, block_size=7)


@pytest.mark.parametrize("name", {**ONE_HOP, **MANY_HOPS})
def test_short_indices(name):
    data, conv = graph(), {**ONE_HOP, **MANY_HOPS}[name]().double()
    expected = whole(conv, data)
    data.edge_index = data.edge_index.int()
    assert_close(layerwise_inference(conv, data, block_size=7), expected)


class Pooled(torch.nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.first, self.pool, self.last = pyg.GCNConv(6, 6), pool, pyg.GCNConv(6, 4)

    def forward(self, x, edge_index):
        x, edge_index, *_ = self.pool(self.first(x, edge_index), edge_index)
        return self.last(x, edge_index)


@pytest.mark.parametrize(
    "network",
    [
        pyg.GraphUNet(6, 8, 4, depth=2),
        Pooled(pyg.TopKPooling(6)),
        Pooled(pyg.SAGPooling(6)),
        Pooled(pyg.ASAPooling(6)),
    ],
    ids=["GraphUNet", "TopK", "SAG", "ASA"],
)
def test_layers_behind_a_pooling_are_refused(network):
    data = graph()
    data.x = data.x.float()
    assert whole(network, data).size(1) == 4
    with pytest.raises(ValueError, match=r"Conv: has no blocks: it gets \d+ rows of 40 nodes"):
        layerwise_inference(network, data, block_size=7)


def test_what_was_made_of_the_whole_graph_is_refused():
    data, network = graph(), PLaplacianGNN(6, 8, 4).double()
    with pytest.raises(ValueError, match="PLaplacianConv: has no blocks: cleaned is"):
        layerwise_inference(network, data, block_size=7)


def test_a_graph_without_nodes_or_edges():
    conv = pyg.GCNConv(6, 4)
    none = Data(torch.ones(0, 6), torch.zeros(2, 0, dtype=torch.int64))
    assert layerwise_inference([conv], none).shape == (0, 4)
    alone = Data(torch.ones(3, 6), torch.zeros(2, 0, dtype=torch.int64))
    assert_close(layerwise_inference([conv], alone, block_size=2), whole(conv, alone))


def test_errors():
    data, conv = graph(), pyg.GCNConv(6, 4).double()
    with pytest.raises(ValueError, match="block_size: got 0"):
        layerwise_inference([conv], data, block_size=0)
    with pytest.raises(ValueError, match="model_or_layers: has no layer"):
        layerwise_inference(torch.nn.Linear(6, 4), data)
    with pytest.raises(TypeError, match="data: its x is NoneType"):
        layerwise_inference([conv], Data(edge_index=data.edge_index))
    with pytest.raises(ValueError, match="GCNConv: cached=True"):
        layerwise_inference([pyg.GCNConv(6, 4, cached=True)], data)
    with pytest.raises(ValueError, match="FEConv: has no blocks"):
        layerwise_inference([FEConv(6, 4, K=2)], data)
    with pytest.raises(ValueError, match="PDFConv: has no blocks"):
        layerwise_inference([PDFConv(6, 4, hops=None)], data)
    with pytest.raises(TypeError, match="GATConv: returns other"):
        layerwise_inference([pyg.GATConv(6, 4).double()], data, return_attention_weights=True)
    assert "forward" not in vars(conv)
