import pytest
import torch
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GCNConv,
    GeneralConv,
    GINConv,
    GraphConv,
    SAGEConv,
    SuperGATConv,
    TAGConv,
    TransformerConv,
)

from graphpoly.layers import GPRConv
from graphpoly.layers.cooperative import Actions, AggregateConv, GatedConv, make_base
from graphpoly.testing import assert_close, graph_zoo


def heads(in_channels, out_channels):
    return GATConv(in_channels, out_channels, heads=3, edge_dim=None)


def spectral(in_channels, out_channels):
    return GPRConv(in_channels, out_channels, K=3)


BASES = {
    "sum": "sum",
    "kept_mean": "kept_mean",
    "gcn": "gcn",
    "gin": "gin",
    "gat": "gat",
    "heads": heads,
    "gatv2": GATv2Conv,
    "graph": GraphConv,
    "general": GeneralConv,
    "spectral": spectral,
}
# divides by the number of all edges
FULL_MEANS = {"mean": "mean", "sage": SAGEConv}


def draw(num_nodes, generator):
    listen, broadcast = torch.randint(0, 2, (2, num_nodes), generator=generator).double()
    outer = torch.stack([listen, 1 - listen], 1).unsqueeze(2)
    shares = (outer * torch.stack([broadcast, 1 - broadcast], 1).unsqueeze(1)).flatten(1)
    return Actions(listen, broadcast, shares)


def everything(num_nodes, value):
    flags = torch.full((num_nodes,), value, dtype=torch.float64)
    return Actions(flags, flags, flags.unsqueeze(1))


@pytest.mark.parametrize("name", [*BASES, *FULL_MEANS])
def test_all_standard_is_the_base_layer_bit_for_bit(name):
    gated = GatedConv(make_base({**BASES, **FULL_MEANS}[name], 3, 4)).double()
    for graph, data in graph_zoo(num_features=3, weighted=True, dtype=torch.float64).items():
        weight = data.edge_weight if gated.takes_weights else None
        arguments = {} if weight is None else {"edge_weight": weight}
        expected = gated.conv(data.x, data.edge_index, **arguments)
        out = gated(data.x, data.edge_index, weight, everything(data.num_nodes, 1.0))
        assert torch.equal(out, expected), graph


@pytest.mark.parametrize("name", BASES)
def test_equals_the_base_layer_on_the_kept_edges(name):
    gated = GatedConv(make_base(BASES[name], 3, 4)).double()
    generator = torch.Generator().manual_seed(0)
    for graph, data in graph_zoo(num_features=3, dtype=torch.float64).items():
        actions = draw(data.num_nodes, generator)
        source, target = data.edge_index
        kept = (actions.broadcast[source] * actions.listen[target] > 0) | (source == target)
        out = gated(data.x, data.edge_index, None, actions)
        assert_close(out, gated.conv(data.x, data.edge_index[:, kept]), what=graph)


@pytest.mark.parametrize("name", FULL_MEANS)
def test_a_mean_divides_by_all_edges(name):
    gated = GatedConv(make_base(FULL_MEANS[name], 3, 4)).double()
    data = graph_zoo(names=["directed"], num_features=3, dtype=torch.float64)["directed"]
    source, target = data.edge_index
    for _ in range(5):
        actions = draw(6, torch.Generator().manual_seed(1))
        gate = actions.broadcast[source] * actions.listen[target]
        adjacency = torch.zeros(6, 6, dtype=torch.float64).index_put(
            (target, source), gate, accumulate=True
        )
        degree = target.bincount(minlength=6).clamp(min=1).unsqueeze(1)
        mean = adjacency @ data.x / degree
        conv = gated.conv
        root, neighbors = (
            (conv.lin_root, conv.lin_neighbors) if name == "mean" else (conv.lin_r, conv.lin_l)
        )
        out = gated(data.x, data.edge_index, None, actions)
        assert_close(out, root(data.x) + neighbors(mean))


@pytest.mark.parametrize("name", [*BASES, *FULL_MEANS])
def test_gradients_of_the_gates(name):
    gated = GatedConv(make_base({**BASES, **FULL_MEANS}[name], 2, 2)).double()
    data = graph_zoo(names=["erdos_renyi"], num_features=2, dtype=torch.float64)["erdos_renyi"]
    flags = 0.2 + 0.6 * torch.rand(2, 16, dtype=torch.float64)

    def function(listen, broadcast):
        return gated(data.x, data.edge_index, None, Actions(listen, broadcast, listen))

    inputs = [flag.clone().requires_grad_() for flag in flags]
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    # a shut gate has a gradient too: what the message would change
    broadcast = (torch.arange(16) % 2).double().requires_grad_()
    opened = torch.ones(16, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(function(opened, broadcast).sum(), broadcast)
    assert gradient.isfinite().all()
    assert (gradient[::2] != 0).any()


def test_hooks_do_nothing_outside_of_the_gates():
    conv = GINConv(torch.nn.Linear(2, 2))
    gated = GatedConv(conv)
    x, edges = torch.randn(3, 2), torch.tensor([[0, 1, 2], [1, 2, 0]])
    before = conv(x, edges)
    shut = Actions(torch.zeros(3), torch.zeros(3), torch.zeros(3, 4))
    assert torch.equal(gated(x, edges, None, shut), conv.nn(x))
    assert torch.equal(conv(x, edges), before)
    with pytest.raises(ValueError, match="edge_weight: the base layer GINConv takes none"):
        gated(x, edges, torch.ones(3), shut)


def test_reaches_as_far_as_degrees_do():
    assert GatedConv(AggregateConv(2, 2)).num_hops == 1
    assert GatedConv(GCNConv(2, 2)).num_hops == 2
    assert GatedConv(GPRConv(2, 2, K=3)).num_hops == 4
    assert GatedConv(GPRConv(2, 2, K=3, normalization="rw")).num_hops == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SAGEConv(2, 2, aggr="max"), "SAGEConv aggregates by 'max'"),
        (lambda: GraphConv(2, 2, aggr="max"), "GraphConv aggregates by 'max'"),
        (lambda: TransformerConv(2, 2), "messages of TransformerConv look at each other"),
        (lambda: SuperGATConv(2, 2), "messages of SuperGATConv look at each other"),
        (lambda: GeneralConv(2, 2, attention=True), "messages of GeneralConv look at each other"),
        (lambda: GCNConv(2, 2, cached=True), "GCNConv with cached=True"),
        (lambda: GCNConv(2, 2, add_self_loops=False), "GCNConv divides by the degree"),
        (lambda: TAGConv(2, 2), "TAGConv divides by the degree"),
        (lambda: GINConv(torch.nn.Linear(2, 2), flow="target_to_source"), "flow="),
        (lambda: torch.nn.Linear(2, 2), "Linear takes no edge_weight"),
    ],
)
def test_layers_without_a_place_for_gates_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        GatedConv(make())
