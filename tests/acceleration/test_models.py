"""Whole models, and the forms in which a graph reaches them."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric import EdgeIndex
from torch_geometric.data import HeteroData
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csc_tensor, to_torch_csr_tensor

from graphpoly.acceleration import accelerate
from graphpoly.loader import NeighborLoader
from graphpoly.testing import assert_close, graph_zoo
from tests.acceleration.compare import check_same, run

SIZES = {"in_channels": 5, "hidden_channels": 8, "num_layers": 3, "out_channels": 4}
MODELS = {
    "gcn": lambda: pyg.GCN(**SIZES),
    "gcn, jumping": lambda: pyg.GCN(**SIZES, jk="cat", norm="layer_norm"),
    "sage": lambda: pyg.GraphSAGE(**SIZES),
    "sage, max": lambda: pyg.GraphSAGE(**SIZES, aggr="max", act="tanh"),
    "gin": lambda: pyg.GIN(**SIZES),
    "gat": lambda: pyg.GAT(**SIZES, heads=2),
    "gat, v2": lambda: pyg.GAT(**SIZES, heads=2, v2=True),
    "pna": lambda: pyg.PNA(
        **SIZES,
        aggregators=["mean", "min", "max", "std"],
        scalers=["identity", "amplification", "attenuation"],
        deg=torch.tensor([1, 2, 4, 2, 1]),
    ),
}


def check_model(model, *arguments, number=3, **options):
    twin = copy.deepcopy(model)
    assert len(accelerate(twin).accelerated) == number
    expected = run(model, arguments, options)
    actual = run(twin, arguments, options)
    for name, value in expected.items():
        if value is not None:
            assert_close(actual[name], value, what=name)
    return twin


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    for graph in ("barabasi_albert", "directed", "self_loops", "no_edges"):
        data = graph_zoo(num_features=5, dtype=torch.float64, names=[graph])[graph]
        model = MODELS[name]().double()
        if "gin" in name:
            model.eval()  # a batch norm over few nodes amplifies every rounding
        check_model(model, data.x.requires_grad_(), data.edge_index)


def test_weights_pass_through_a_model():
    data = graph_zoo(weighted=True, num_features=5, dtype=torch.float64)["erdos_renyi"]
    model = pyg.GCN(**SIZES).double()
    check_model(model, data.x, data.edge_index, edge_weight=data.edge_weight.requires_grad_())


@pytest.mark.parametrize("name", ["gcn", "sage", "gat"])
def test_trimmed_batches(name):
    # seeds 0-1, their neighbours 2-4, the neighbours of those 5-8, edges in order of the hop
    hops = [[(2, 0), (3, 0), (3, 1), (4, 1)], [(5, 2), (6, 3), (7, 4), (0, 4)], [(8, 5), (1, 7)]]
    pairs = torch.tensor([pair for hop in hops for pair in hop]).t().contiguous()
    x = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    check_model(
        MODELS[name]().double(),
        x,
        pairs,
        num_sampled_nodes_per_hop=[2, 3, 3, 1],
        num_sampled_edges_per_hop=[4, 4, 2],
    )


def test_neighbor_loader():
    data = graph_zoo(num_features=5, names=["barabasi_albert"])["barabasi_albert"]
    model = MODELS["sage"]()
    for batch in NeighborLoader(data, [2, 2, 2], batch_size=8):
        check_model(
            model,
            batch.x,
            batch.edge_index,
            num_sampled_nodes_per_hop=batch.num_sampled_nodes,
            num_sampled_edges_per_hop=batch.num_sampled_edges,
        )


@pytest.mark.parametrize("form", [to_torch_csr_tensor, to_torch_coo_tensor, to_torch_csc_tensor])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore:Converting sparse tensor", "ignore:Sparse CSR tensor support")
def test_sparse_adjacency(form, weighted):
    names = ["directed", "self_loops", "isolated_nodes"]
    for data in graph_zoo(weighted=True, num_features=5, dtype=torch.float64, names=names).values():
        weight = data.edge_weight if weighted else torch.ones_like(data.edge_weight)
        adj_t = form(data.edge_index.flip(0), weight, size=(data.num_nodes,) * 2)
        x = data.x.requires_grad_()
        nn = torch.nn.Linear(5, 3)
        layers = [
            pyg.SAGEConv(5, 3, aggr="sum"),
            pyg.SAGEConv(5, 3),
            pyg.GraphConv(5, 3),
            pyg.GINConv(nn),
            pyg.GCNConv(5, 3, normalize=False),
        ]
        if form is not to_torch_csc_tensor:  # PyG's normalisation does not take it
            layers += [
                pyg.GCNConv(5, 3),
                pyg.GCNConv(5, 3, cached=True),
                pyg.SGConv(5, 3, K=2),
                pyg.TAGConv(5, 3, K=2),
                pyg.APPNP(3, 0.1),
            ]
        for layer in layers:
            check_same(layer.double(), x, adj_t)


def test_edge_index_class():
    data = graph_zoo(num_features=5)["erdos_renyi"]
    size = (data.num_nodes,) * 2
    for order in ("row", "col", None):
        pairs = EdgeIndex(data.edge_index, sparse_size=size)
        if order is not None:
            pairs = pairs.sort_by(order).values
        for layer in (pyg.GCNConv(5, 3), pyg.SAGEConv(5, 3), pyg.GraphConv(5, 3)):
            check_same(layer, data.x, pairs, kind="accumulated")


def test_hetero_model():
    data = HeteroData()
    data["a"].x, data["b"].x = torch.randn(6, 5), torch.randn(4, 5)
    data["a", "to", "b"].edge_index = torch.stack(
        [torch.randint(6, (12,)), torch.randint(4, (12,))]
    )
    data["b", "to", "a"].edge_index = data["a", "to", "b"].edge_index.flip(0)
    model = pyg.to_hetero(pyg.GraphSAGE((-1, -1), 8, num_layers=2), data.metadata())
    with torch.no_grad():
        expected = model(data.x_dict, data.edge_index_dict)
        assert len(accelerate(model).accelerated) == 4
        actual = model(data.x_dict, data.edge_index_dict)
    for kind, value in expected.items():
        assert_close(actual[kind], value)


@pytest.mark.parametrize("name", ["gcn", "sage"])
def test_compiles_into_one_graph(name):
    data = graph_zoo(num_features=5, names=["self_loops"])["self_loops"]
    model = MODELS[name]()
    twin = copy.deepcopy(model)
    accelerate(twin)
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    x = data.x.requires_grad_()
    expected = run(model, (x, data.edge_index), {})
    actual = run(compiled, (x, data.edge_index), {})
    for key, value in expected.items():
        if value is not None:
            assert_close(actual[key.replace("convs", "_orig_mod.convs")], value, what=key)
