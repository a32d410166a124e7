import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GIN

from graphpoly.data import load_sr
from graphpoly.features import AddPaths, stored_paths
from graphpoly.layers import PathConv
from graphpoly.models import PathNN
from graphpoly.ops import path_trie
from graphpoly.testing import graph_zoo
from tests.ops.test_enumerate_paths import edges

VARIANTS = ["single", "shortest", "simple"]


def graph_of(graph):
    pairs = edges(nx.convert_node_labels_to_integers(graph))
    return Data(x=torch.ones(len(graph), 1, dtype=torch.float64), edge_index=pairs)


def untrained(paths, K, **arguments):
    torch.manual_seed(0)
    arguments = {"norm": None, "readout": "sum", **arguments}
    model = PathNN(1, 16, 16, K, paths=paths, **arguments)
    return model.double().eval()


def told_apart(model, one, other):
    with torch.no_grad():
        found = [model(data.x, data.edge_index) for data in (one, other)]
    return float((found[0] - found[1]).norm()) > 1e-5


def test_hexagon_and_two_triangles():
    """The pair that 1-WL, and with it every message-passing network, takes for one graph."""
    hexagon = graph_of(nx.cycle_graph(6))
    triangles = graph_of(nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)))
    gin = GIN(1, 16, 3).double().eval()
    difference = [gin(d.x, d.edge_index).sum(0) for d in (hexagon, triangles)]
    torch.testing.assert_close(*difference)
    for paths in VARIANTS:
        assert not told_apart(untrained(paths, 1, distances=False), hexagon, triangles)
    for paths in ("shortest", "simple"):
        assert told_apart(untrained(paths, 2), hexagon, triangles)


def test_on_trees_there_is_one_shortest_path():
    for seed in range(5):
        tree = graph_of(nx.random_labeled_tree(17, seed=seed))
        outs = [untrained(paths, 3, distances=False)(tree.x, tree.edge_index) for paths in VARIANTS]
        torch.testing.assert_close(outs[0], outs[1])
        torch.testing.assert_close(outs[0], outs[2])


@pytest.mark.parametrize("paths", ["shortest", "simple"])
def test_renaming_changes_nothing(paths):
    model = untrained(paths, 4)
    for seed in range(10):
        data = graph_of(nx.gnp_random_graph(9, 0.4, seed=seed, directed=bool(seed % 2)))
        order = torch.randperm(9)
        out = model(data.x, data.edge_index)
        torch.testing.assert_close(model(data.x, order[data.edge_index]), out, rtol=0, atol=1e-6)


def sr_failures(name, K, root):
    """Number of pairs of a family that an untrained network leaves together, and of all pairs."""
    if not (root / "sr" / "raw" / f"{name}.g6").is_file():
        pytest.skip(f"{name} is not there")
    # as published: sums of thousands of paths would drive the LSTM into saturation
    model = untrained("simple", K, norm="rows")
    with torch.no_grad():
        found = torch.cat([model(data.x.double(), data.edge_index) for data in load_sr(name, root)])
    pairs = list(itertools.combinations(range(len(found)), 2))
    return sum(float((found[i] - found[j]).norm()) < 1e-5 for i, j in pairs), len(pairs)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "pairs"), [("sr16622", 1), ("sr251256", 105), ("sr261034", 45), ("sr281264", 6)]
)
def test_paths_of_length_3_tell_no_strongly_regular_graphs_apart(name, pairs, data_root):
    assert sr_failures(name, 3, data_root) == (pairs, pairs)


@pytest.mark.data
def test_paths_of_length_4_tell_rook_and_shrikhande_apart(data_root):
    assert sr_failures("sr16622", 4, data_root) == (0, 1)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "failures"),
    [("sr251256", (11, 105)), ("sr261034", (3, 45)), ("sr281264", (1, 6))],
)
def test_paths_of_length_4_leave_some_strongly_regular_pairs_together(name, failures, data_root):
    assert sr_failures(name, 4, data_root) == failures


@pytest.mark.parametrize("paths", VARIANTS)
@pytest.mark.parametrize("update", ["relu", "mlp"])
def test_given_paths_batches_and_listed_paths_agree(paths, update):
    model = PathNN(3, 8, 2, 3, paths=paths, update=update, edge_dim=2, readout="mean").double()
    model.train()(torch.randn(6, 3).double(), edges(nx.cycle_graph(6)), torch.randn(12, 2).double())
    model.eval()
    graphs = []
    for data in graph_zoo(names=["no_edges", "star", "directed", "erdos_renyi"]).values():
        data.x = torch.randn(data.num_nodes, 3, dtype=torch.float64)
        data.edge_attr = torch.randn(data.num_edges, 2, dtype=torch.float64)
        graphs.append(AddPaths(3, paths=paths)(data))
    alone = torch.cat([model(d.x, d.edge_index, d.edge_attr) for d in graphs])
    batch = Batch.from_data_list(graphs)
    given = (batch.x, batch.edge_index, batch.edge_attr, batch.batch, 4)
    torch.testing.assert_close(model(*given), alone)
    torch.testing.assert_close(model(*given, paths=stored_paths(batch)), alone)


def test_one_lstm_serves_all_lengths():
    model = PathNN(4, 8, 2, 4, paths="simple")
    assert [m for m in model.modules() if isinstance(m, PathConv)] == [model.conv]
    assert model.conv.distance.num_embeddings == 5
    assert model.num_hops == 10


def test_the_forms_of_the_update():
    x, pairs = torch.randn(5, 4).double(), edges(nx.wheel_graph(5))

    def by_hand(model, rows=False):
        h = model.encoder(x)
        for k in range(2):
            h = torch.nn.functional.normalize(h, dim=-1) if rows else h
            h = model.conv(h, pairs, K=k + 1)
            h = model.updates[k](model.norms[k](h))
        return model.lin2(model.lin1(h).relu())

    for arguments in ({}, {"norm": "rows"}, {"update": "mlp"}, {"update": "mlp", "reduce": "mean"}):
        model = PathNN(4, 6, 3, 2, **arguments).double().eval()
        expected = by_hand(model, arguments.get("norm") == "rows")
        torch.testing.assert_close(model(x, pairs), expected)
    kinds = [type(norm).__name__ for norm in model.norms]
    assert kinds == ["Identity", "Identity"]
    assert len(model.updates[0]) == 6


def test_dropout_spares_what_the_node_itself_has():
    model = PathNN(4, 4, 3, 1, norm=None, encode=False, dropout=0.5).double().train()
    model.lin1.weight.data.copy_(torch.eye(4))
    x, no_edges = torch.rand(3, 4).double(), torch.empty(2, 0, dtype=torch.long)
    torch.manual_seed(0)
    read = []
    model.lin1.register_forward_hook(lambda module, args, out: read.append(args[0]))
    model(x, no_edges)
    torch.testing.assert_close(read[0], x)


def test_gradcheck():
    model = PathNN(2, 3, 2, 2, paths="simple", norm=None).double()
    pairs = edges(nx.cycle_graph(4))
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: model(value, pairs), (x,))


@pytest.mark.slow
def test_compiles_with_given_paths():
    model = PathNN(3, 8, 2, 2, paths="simple").eval()
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="aot_eager")
    for n in (6, 9):
        data = Data(x=torch.randn(n, 3), edge_index=edges(nx.gnp_random_graph(n, 0.5, seed=n)))
        paths = [path_trie(some) for some in stored_paths(AddPaths(2, paths="simple")(data))]
        expected = model(data.x, data.edge_index)
        torch.testing.assert_close(compiled(data.x, data.edge_index, paths=paths), expected)


def test_refusals():
    for name in ("update", "norm", "readout"):
        with pytest.raises(ValueError, match=f"unknown {name}"):
            PathNN(4, 8, 2, **{name: "none"})
    with pytest.raises(ValueError, match="encode=False needs"):
        PathNN(4, 8, 2, encode=False)
    with pytest.raises(ValueError, match="got 1 lengths, the model reads 2"):
        PathNN(4, 8, 2, 2)(torch.randn(2, 4), edges(nx.path_graph(2)), paths=[None])
