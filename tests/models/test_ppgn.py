import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GIN

from graphpoly.data import load_exp, load_sr
from graphpoly.expressivity import PAIRS, csl_family, hard_pair
from graphpoly.models import PPGN, PPGNPlusPlus
from graphpoly.ops import pair_blocks
from graphpoly.testing import assert_close, check_layer, graph_zoo

MODELS = [PPGN, PPGNPlusPlus]


def untrained(cls, in_channels=1, seed=0, **arguments):
    torch.manual_seed(seed)
    return cls(in_channels, 16, 8, **arguments).double().eval()


def embedded(model, graphs, batch_size=64):
    found = []
    with torch.no_grad():
        for data in DataLoader(graphs, batch_size=batch_size):
            x = torch.ones(data.num_nodes, 1) if data.x is None else data.x
            out = model(x.double(), data.edge_index, batch=data.batch, batch_size=data.num_graphs)
            found.append(out)
    return torch.cat(found)


def apart(one, other):
    """Whether two rows differ by more than roundings; nothing is between 1e-12 and 1e-9."""
    gap = float((one - other).abs().max() / one.abs().max())
    assert not 1e-12 < gap < 1e-9
    return gap > 1e-10


@pytest.mark.parametrize("cls", MODELS)
def test_keeps_what_the_battery_asks_of_layers(cls):
    only = ["gradcheck", "float64", "autocast", "edge_order", "tuple_input", "hetero_conv"]
    check_layer(lambda: cls(8, 16, 4, num_layers=2, pool=None), only=only)


@pytest.mark.parametrize("pool", ["max", "mean", "add"])
@pytest.mark.parametrize("cls", MODELS)
def test_graphs_do_not_depend_on_their_batch(cls, pool):
    graphs = list(graph_zoo(weighted=True, num_features=3, dtype=torch.float64).values())
    for data in graphs:
        data.edge_attr = torch.randn(data.num_edges, 2, dtype=torch.float64)
        data.pair_features = torch.rand(data.num_nodes**2, 2, dtype=torch.float64)
    model = untrained(cls, 3, edge_dim=2, pair_dim=2, pool=pool)

    def call(data, **arguments):
        given = (data.x, data.edge_index, data.edge_weight, data.edge_attr)
        return model(*given, pair_features=data.pair_features, **arguments)

    alone = torch.cat([call(data) for data in graphs])
    batch = Batch.from_data_list(graphs)
    together = call(batch, batch=batch.batch, batch_size=len(graphs))
    assert_close(together, alone)
    assert_close(call(batch, batch=batch.batch), alone)
    layout = pair_blocks(batch.batch, batch.num_nodes)
    assert_close(call(batch, blocks=layout), alone)
    # no block of pairs depends on where the nodes of its graph stand
    order = torch.randperm(batch.num_nodes)
    place = torch.empty_like(order).index_copy(0, order, torch.arange(order.numel()))
    mixed = untrained(cls, 3, pool=pool)
    plain = mixed(batch.x, batch.edge_index, batch=batch.batch)
    shuffled = mixed(batch.x[order], place[batch.edge_index], batch=batch.batch[order])
    assert_close(shuffled, plain)


@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("cls", MODELS)
def test_renaming_nodes(cls, pool):
    model = untrained(cls, 2, pool=pool)
    for seed in range(5):
        graph = nx.gnp_random_graph(8, 0.4, seed=seed, directed=bool(seed % 2))
        edge_index = torch.tensor(list(graph.edges)).t()
        x, order = torch.randn(8, 2, dtype=torch.float64), torch.randperm(8)
        out = model(x, edge_index)
        renamed = model(torch.empty_like(x).index_copy(0, order, x), order[edge_index])
        assert_close(renamed if pool else renamed[order], out)


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("name", [name for name in PAIRS if name != "cfi-k5"])
def test_tells_apart_what_2_fwl_tells_apart(cls, name):
    pair = hard_pair(name)
    for data in pair:
        data.x = torch.ones(data.num_nodes, 1, dtype=torch.float64)
    gin = GIN(1, 16, 3).double().eval()
    sums = [gin(data.x, data.edge_index).sum(0) for data in pair]
    torch.testing.assert_close(*sums)  # 1-WL sees no difference
    separated = PAIRS[name][1] == "2-FWL"
    for seed in range(2):
        assert apart(*embedded(untrained(cls, seed=seed, num_layers=4), list(pair))) == separated


@pytest.mark.parametrize("cls", MODELS)
def test_skip_links(cls):
    """45 of 45 pairs of the published family."""
    rows = embedded(untrained(cls, num_layers=4), csl_family())
    assert all(apart(*pair) for pair in itertools.combinations(rows, 2))


@pytest.mark.data
@pytest.mark.parametrize("cls", MODELS)
def test_strongly_regular_graphs(cls, data_root):
    """0 of 105 pairs, as theory says; rook and Shrikhande are sr16622."""
    if not (data_root / "sr" / "raw" / "sr251256.g6").is_file():
        pytest.skip("the strongly regular graphs are not there")
    for name in ("sr16622", "sr251256"):
        rows = embedded(untrained(cls, num_layers=4), load_sr(name, data_root))
        assert not any(apart(*pair) for pair in itertools.combinations(rows, 2))


@pytest.mark.data
@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("name", ["EXP", "CEXP"])
def test_pairs_of_formulas(cls, name, data_root):
    """Every 40th of 600 pairs; 2-FWL tells all of them apart."""
    if not (data_root / "expressivity" / f"{name}.npz").is_file():
        pytest.skip(f"{name} is not there")
    graphs = load_exp(name, data_root)
    chosen = [graphs[i + side] for i in range(0, len(graphs), 80) for side in (0, 1)]
    model = untrained(cls, graphs[0].num_node_features, num_layers=4, pool="mean")
    rows = embedded(model, chosen, batch_size=2)
    assert all(apart(rows[i], rows[i + 1]) for i in range(0, len(chosen), 2))


@pytest.mark.parametrize("cls", MODELS)
def test_a_single_node_and_no_graph(cls):
    model = untrained(cls, 2)
    none = torch.empty(2, 0, dtype=torch.int64)
    alone = model(torch.ones(1, 2, dtype=torch.float64), none)
    assert alone.shape == (1, 8)
    assert alone.isfinite().all()
    empty = torch.empty(0, dtype=torch.int64)
    assert model(torch.ones(0, 2, dtype=torch.float64), none, batch=empty).shape == (0, 8)
    between = model(
        torch.ones(1, 2, dtype=torch.float64), none, batch=torch.tensor([1]), batch_size=3
    )
    assert_close(between[1], alone[0])
    assert between.isfinite().all()


@pytest.mark.slow
def test_compiled_batches():
    from torch._dynamo.testing import CompileCounterWithBackend

    zoo = graph_zoo(num_features=3, names=["star", "grid", "one_node", "directed"])
    graphs = list(zoo.values())
    batches = [Batch.from_data_list(some) for some in (graphs, graphs[::-1] + graphs)]
    model = PPGNPlusPlus(3, 8, 2, num_layers=2)
    for outside in (False, True):
        torch._dynamo.reset()
        # traces backward, too, and runs every fake kernel
        counter = CompileCounterWithBackend("aot_eager" if outside else "eager")
        compiled = torch.compile(model, fullgraph=True, dynamic=True, backend=counter)
        for data in batches:
            arguments = {"batch": data.batch, "batch_size": data.num_graphs}
            expected = model(data.x, data.edge_index, **arguments)
            if outside:
                arguments["blocks"] = pair_blocks(data.batch, data.num_nodes, data.num_graphs)
            out = compiled(data.x, data.edge_index, **arguments)
            assert_close(out, expected, kind="accumulated")
            out.sum().backward()
        assert counter.frame_count == 1
    torch._dynamo.reset()


def test_rows_that_heads_read():
    """The published sum over blocks, from maxima on and off the diagonal."""
    data = graph_zoo(num_features=2, names=["directed"], dtype=torch.float64)["directed"]
    model = untrained(PPGN, 2)
    n, off = data.num_nodes, ~torch.eye(data.num_nodes, dtype=torch.bool)
    states = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, out: states.append(out.view(-1, n, n)))
    out = model(data.x, data.edge_index)
    total = torch.zeros(8, dtype=torch.float64)
    for head, state in zip(model.heads, states, strict=True):
        rows = torch.cat([state.diagonal(dim1=1, dim2=2).amax(1), state[:, off].amax(1)])
        total += head(rows)
    assert_close(out[0], total)


def test_arguments():
    for wrong, text in (
        ({"num_layers": 0}, "num_layers: got 0"),
        ({"pool": "maximum"}, "pool.*max"),
        ({"normalization": "symmetric"}, "normalization"),
    ):
        with pytest.raises(ValueError, match=text):
            PPGN(2, 4, 2, **wrong)
    with pytest.raises(ValueError, match=r"pair_features: got none, .* \[., 3\]"):
        PPGN(1, 4, 2, pair_dim=3)(torch.ones(1, 1), torch.empty(2, 0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"edge_attr: .* made for none"):
        PPGN(1, 4, 2)(torch.ones(2, 1), torch.tensor([[0], [1]]), edge_attr=torch.ones(1, 2))
    assert PPGN(2, 4, 2, num_layers=3).num_hops == 8


def test_data_attributes_go_where_they_belong():
    from graphpoly.training.forward import call_by_name

    data = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0, 1], [1, 0]]))
    data.pair_features = torch.arange(8.0).view(4, 2)
    batch = Batch.from_data_list([data, data])
    model = PPGN(1, 4, 2, pair_dim=2)
    out = call_by_name(model, batch)
    expected = model(data.x, data.edge_index, pair_features=data.pair_features)
    assert_close(out, expected.expand(2, -1))
