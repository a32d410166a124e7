"""Against loops over nodes, edges and triplets in float64, and as algorithms of shortest paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import bellman_ford, floyd_warshall
from torch import nn
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from graphpoly.layers import TripletConv
from graphpoly.ops import list_triplets, sum_entries, to_csr
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.ops.test_min_plus import drawn

ZOO = graph_zoo(0, weighted=False)
ZEROS = {"allow_unused": True, "materialize_grads": True}
FAR = 2.0**40  # what stands for no edge: beyond every distance, and exact beside whole numbers


def extreme(conv, rows, size):
    best = torch.amax if conv.reduce == "max" else torch.amin
    return best(torch.stack(rows), 0) if rows else torch.zeros(size, dtype=torch.float64)


def by_loops(conv, x, edge_index, edge_attr, graph_attr=None, batch=None, mask=None):
    """Both lines of the definition, word for word."""
    channels, triple = conv.out_channels, conv.triplet_channels
    v_target, w2, w3 = conv.lin_target.weight.split([channels, triple, triple])
    b_target, b2, b3 = conv.lin_target.bias.split([channels, triple, triple])
    v_source, w1 = conv.lin_source.weight.split([channels, triple])
    v_edge, w4, w5, w6 = conv.lin_edge.weight.split([channels, triple, triple, triple])
    g = torch.zeros(x.size(0), channels + triple, dtype=x.dtype)
    if graph_attr is not None:
        g = (graph_attr @ conv.lin_graph.weight.T)[batch]
    ends = edge_index.T.tolist()
    nodes = []
    for i in range(x.size(0)):
        messages = []
        for place, (j, target) in enumerate(ends):
            if target == i:
                said = v_target @ x[i] + b_target + v_source @ x[j] + v_edge @ edge_attr[place]
                message = conv.mlp(said + g[i, :channels])
                messages.append(message if mask is None else mask[place] * message)
        best = extreme(conv, messages, channels)
        nodes.append(conv.lin_root(x[i]) + conv.lin_message.weight @ best)
    edges = []
    for place, (i, j) in enumerate(ends):
        own = w1 @ x[i] + w2 @ x[j] + b2 + w4 @ edge_attr[place] + g[j, channels:]
        sums = [
            own + w3 @ x[k] + b3 + w5 @ edge_attr[a] + w6 @ edge_attr[b]
            for a, (start, k) in enumerate(ends)
            for b, (middle, end) in enumerate(ends)
            if (start, k, end) == (i, middle, j)
        ]
        edges.append(conv.lin_triplet(extreme(conv, sums, triple)))
    return torch.stack(nodes), torch.stack(edges) if edges else x.new_zeros(0, conv.edge_channels)


@pytest.mark.parametrize("reduce", ["max", "min"])
@pytest.mark.parametrize("name", ["duplicate_edges", "self_loops", "erdos_renyi", "no_edges"])
def test_equals_loops(name, reduce):
    options = {"edge_channels": 5, "triplet_channels": 4, "graph_dim": 2, "reduce": reduce}
    conv = TripletConv(3, 6, 2, **options).double()
    edge_index, num_nodes = ZOO[name].edge_index, int(ZOO[name].num_nodes)
    draw = {"dtype": torch.float64, "requires_grad": True}
    x = torch.randn(num_nodes, 3, **draw)
    edge_attr, graph_attr = torch.randn(edge_index.size(1), 2, **draw), torch.randn(3, 2, **draw)
    batch = torch.randint(0, 3, (num_nodes,))
    given = {"graph_attr": graph_attr, "batch": batch}
    ours = conv(x, edge_index, edge_attr, **given, return_edge_attr=True)
    expected = by_loops(conv, x, edge_index, edge_attr, **given)
    watched = [x, edge_attr, graph_attr, *conv.parameters()]
    for out, wanted in zip(ours, expected, strict=True):
        assert_close(out, wanted)
        probe = torch.randn_like(wanted)
        grads = [
            torch.autograd.grad((each * probe).sum(), watched, retain_graph=True, **ZEROS)
            for each in ((out, wanted) if len(wanted) else ())
        ]
        for one, other in zip(*grads, strict=True):
            assert_close(one, other, kind="accumulated")
    assert torch.equal(conv(x, edge_index, edge_attr, **given), ours[0])


def silent(conv):
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.zero_()
    return conv.double()


def test_rounds_are_the_distances_of_floyd_and_warshall():
    """Identity messages, minima and ceil(log2 n) rounds, on the complete graph with loops."""
    conv = silent(TripletConv(1, 1, 1, triplet_channels=1, reduce="min"))
    with torch.no_grad():
        conv.lin_edge.weight[2:] = 1  # W5 and W6
        conv.lin_triplet.weight.fill_(1)
    for num_nodes, share in ((1, 1.0), (2, 0.5), (9, 0.2), (16, 0.1), (21, 0.08), (21, 1.0)):
        edge_index = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(num_nodes)).T
        x = torch.zeros(num_nodes, 1, dtype=torch.float64)
        triplets = list_triplets(to_csr(edge_index, num_nodes=num_nodes))
        length = drawn(num_nodes, share, num_nodes)
        distance = length.clamp(max=FAR).view(-1, 1)
        for _ in range(math.ceil(math.log2(num_nodes))):
            _, distance = conv(x, edge_index, distance, triplets=triplets, return_edge_attr=True)
        distance = torch.where(distance >= FAR, math.inf, distance).view(num_nodes, num_nodes)
        expected = floyd_warshall(np.where(length.numpy() == 0, np.inf, length.numpy()))
        assert np.array_equal(distance.detach().numpy(), expected)


def test_rounds_of_nodes_are_those_of_bellman_and_ford():
    conv = silent(TripletConv(1, 1, 1, reduce="min"))
    with torch.no_grad():
        for weight in (conv.lin_source.weight[:1], conv.lin_edge.weight[:1]):
            weight.fill_(1)
        for weight in (conv.mlp[1].weight, conv.mlp[3].weight, conv.lin_message.weight):
            weight.fill_(1)
    length = drawn(30, 0.08, 1)
    edge_index = length.isfinite().nonzero().T  # loops of length 0 among them
    edge_attr = length[tuple(edge_index)].unsqueeze(1)
    x = torch.full((30, 1), FAR, dtype=torch.float64)
    x[0] = 0
    for _ in range(29):
        x = conv(x, edge_index, edge_attr)
    x = torch.where(x >= FAR, math.inf, x).flatten()
    lengths = csr_array(np.where(length.isinf().numpy(), 0, length.numpy()))
    assert np.array_equal(x.detach().numpy(), bellman_ford(lengths, indices=0))


class Edges(nn.Module):
    """What the layer says of edges, summed into the nodes that they lead to."""

    in_channels, out_channels, edge_dim = 8, 4, 3

    def __init__(self, reduce):
        super().__init__()
        self.conv = TripletConv(8, 4, 3, reduce=reduce)

    def reset_parameters(self):
        self.conv.reset_parameters()

    def forward(self, x, edge_index, edge_attr):
        _, edges = self.conv(x, edge_index, edge_attr, return_edge_attr=True)
        adj = to_csr(edge_index, num_nodes=x.size(0))
        return sum_entries(adj, edges if adj.perm is None else edges[adj.perm])


ORDER = ("node_permutation", "edge_order", "batch")
OF_EDGES = (
    *(*ORDER, "degenerate_graphs", "float64"),
    *("eval_determinism", "reset_parameters", "stateless_forward"),
)


@pytest.mark.parametrize(("reduce", "names"), [("max", OF_EDGES), ("min", ORDER)])
def test_edges_keep_what_is_promised_of_nodes(reduce, names):
    report = check_layer(lambda: Edges(reduce), only=names)
    assert set(report.passed) == set(names)


@pytest.mark.slow
def test_compiles_where_triplets_are_given():
    """One program for graphs of any size; to list triplets is left outside."""
    conv = TripletConv(3, 4, 2)
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend="eager")
    for name in ("erdos_renyi", "barabasi_albert"):
        edge_index, num_nodes = ZOO[name].edge_index, int(ZOO[name].num_nodes)
        given = torch.randn(num_nodes, 3), edge_index, torch.randn(edge_index.size(1), 2)
        triplets = list_triplets(to_csr(edge_index, num_nodes=num_nodes))
        out = compiled(*given, triplets=triplets, return_edge_attr=True)
        for one, other in zip(out, conv(*given, return_edge_attr=True), strict=True):
            assert_close(one, other)


def test_the_mask_of_an_explainer_weighs_messages():
    conv = TripletConv(3, 4, 2).double()
    edge_index = ZOO["directed"].edge_index
    x, edge_attr = torch.randn(6, 3).double(), torch.randn(edge_index.size(1), 2).double()
    plain = conv(x, edge_index, edge_attr)
    mask = torch.rand(edge_index.size(1), dtype=torch.float64)
    set_masks(conv, nn.Parameter(mask), edge_index, apply_sigmoid=False)
    nodes, _ = by_loops(conv, x, edge_index, edge_attr, mask=mask)
    assert_close(conv(x, edge_index, edge_attr), nodes)
    clear_masks(conv)
    assert torch.equal(conv(x, edge_index, edge_attr), plain)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"edge_dim": 0}, "edge_dim: got 0"),
        ({"edge_channels": 0}, "edge_channels: got 0"),
        ({"triplet_channels": 1.5}, "triplet_channels: got 1.5"),
        ({"graph_dim": -1}, "graph_dim: got -1"),
        ({"reduce": "sum"}, "unknown reduce 'sum'"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        TripletConv(**{"in_channels": 3, "out_channels": 4, "edge_dim": 2, **options})
    assert words in str(caught.value)


def test_bad_inputs():
    x, edge_index = torch.randn(3, 3), torch.tensor([[0, 1, 0], [1, 2, 2]])
    e, g = torch.randn(3, 2), torch.randn(2, 5)
    conv, whole = TripletConv(3, 4, 2), TripletConv(3, 4, 2, graph_dim=5)
    other = list_triplets(to_csr(edge_index[:, :2], num_nodes=3))
    for given, words in (
        (lambda: conv(x, edge_index, e[:, :1]), "edge_attr: got shape [3, 1], expected [E, 2]"),
        (lambda: conv(x, edge_index, e[:2]), "edge_attr: got 2 rows, expected 3"),
        (lambda: conv(x, edge_index, e, graph_attr=g), "graph_attr: given to a layer without"),
        (lambda: whole(x, edge_index, e), "graph_attr: got None, graph_dim is 5"),
        (lambda: whole(x, edge_index, e, graph_attr=g[:, :3]), "graph_attr: got shape [2, 3]"),
        (lambda: whole(x, edge_index, e, graph_attr=g), "batch: got None"),
        (
            lambda: whole(x, edge_index, e, graph_attr=g, batch=torch.tensor([0, 1])),
            "batch: got shape (2,), expected [3]",
        ),
        (
            lambda: whole(x, edge_index, e, graph_attr=g, batch=torch.tensor([0, 1, 2])),
            "batch: got 0 to 2, expected indices in [0, 2)",
        ),
        (lambda: conv(x, edge_index, None), "edge_attr: got NoneType, expected a tensor [E, 2]"),
        (lambda: conv(x, edge_index, e.long()), "edge_attr: got torch.int64, expected floating"),
        (
            lambda: conv(x, edge_index, e, triplets=other, return_edge_attr=True),
            "triplets: got those of 2 edges, expected 3",
        ),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)


def test_repr_makes_it_again():
    for text in (
        "TripletConv(3, 4, 2)",
        "TripletConv(-1, 4, 2, edge_channels=5, triplet_channels=16, graph_dim=2, reduce='min')",
    ):
        assert repr(eval(text)) == text
