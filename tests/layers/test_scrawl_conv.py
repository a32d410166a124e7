"""SCRaWlConv against loops over walks and positions, and what walks tell apart."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch.nn.functional import batch_norm

from graphpoly.layers import SCRaWlConv
from graphpoly.ops import clique_complex, random_walks, simplicial_neighbors, to_csr, walk_bits
from graphpoly.testing.tolerances import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 0, 2, 2, 3], [1, 0, 2, 1, 2, 0, 3, 2]])  # node 4 is alone


def layer(*sizes, **options):
    torch.manual_seed(0)
    return SCRaWlConv(*sizes, **options).double().eval()


def looped(conv, x, edge_index, edge_attr):
    """One position of one walk at a time, from the same walks."""
    adj, size, s = to_csr(edge_index, num_nodes=x.size(0)), x.size(0), conv.window
    node, edge = random_walks(adj, torch.arange(size), conv.walk_length, backtracking=False)
    dense = adj.to_dense() > 0
    found = [[] for _ in range(size)]
    for walk in range(size):
        described = []
        for t in range(conv.walk_length + 1):
            now = node[walk, t]
            bits = torch.zeros(2, s).double()
            for i in range(1, min(s, t) + 1):
                bits[0, i - 1] = now == node[walk, t - i]
                bits[1, i - 1] = dense[now, node[walk, t - i]]
            z = conv.lin_node(x[now]) + conv.lin_bits.weight @ bits.flatten()
            if t and edge[walk, t - 1] >= 0:
                z = z + conv.lin_edge.weight @ edge_attr[edge[walk, t - 1]]
            described.append(z)
        kernel = conv.depthwise.weight[:, 0, 0]  # [C, s + 1]
        for t in range(s // 2, conv.walk_length + 1 - (s - s // 2)):
            seen = torch.stack(described[t - s // 2 : t - s // 2 + s + 1], 1)
            y = (kernel * seen).sum(1) + conv.depthwise.bias
            y = batch_norm(
                y.unsqueeze(0),
                conv.norm.running_mean,
                conv.norm.running_var,
                conv.norm.weight,
                conv.norm.bias,
            )
            found[node[walk, t]].append(conv.lin_walk(y[0].relu()).relu())
    zero = torch.zeros(conv.out_channels).double()
    mean = torch.stack([torch.stack(each).mean(0) if each else zero for each in found])
    return conv.mlp(mean) + conv.lin(x)


@pytest.mark.parametrize("window", [2, 3])
def test_against_loops(window):
    conv = layer(3, 4, walk_length=6, window=window, edge_dim=2)
    torch.nn.init.normal_(conv.norm.running_mean)
    torch.nn.init.uniform_(conv.norm.running_var, 0.5, 2)
    x, edge_attr = torch.randn(5, 3).double(), torch.randn(8, 2).double()
    assert_close(conv(x, EDGES, edge_attr), looped(conv, x, EDGES, edge_attr))


def undirected(graph):
    return torch.tensor(list(graph.to_directed().edges)).T


def test_bits_tell_a_hexagon_from_two_triangles():
    # without backtracking every walk on a cycle goes round: its bits do not hang on the draws
    cycles = nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))
    edges = [undirected(graph) for graph in cycles]
    seen = {}
    for window in (1, 2, 3):
        for i, adj in enumerate(to_csr(each, num_nodes=6) for each in edges):
            node, _ = random_walks(adj, torch.arange(6), 8, backtracking=False)
            bits = walk_bits(adj, node, window)
            assert torch.equal(bits, bits[:1].expand_as(bits))
            seen[window, i] = bits[0]
    assert torch.equal(seen[1, 0], seen[1, 1])
    assert not torch.equal(seen[2, 0], seen[2, 1])
    assert not seen[3, 0][:, 2].any()  # a hexagon is not closed by three steps
    assert bool(seen[3, 1][3:, 2].all())
    conv = layer(1, 4, walk_length=8, window=2)
    one, other = (conv(torch.ones(6, 1).double(), each) for each in edges)
    within = max(torch.cdist(out, out).max() for out in (one, other))
    assert torch.cdist(one, other).min() > 10 * within


def test_on_simplices_of_dimension_0_it_reads_the_graph():
    simplices = clique_complex(EDGES, 5)
    pairs, via, upper = simplicial_neighbors(simplices, 0)
    assert bool(upper.all())
    conv = layer(3, 3, walk_length=8, window=3, edge_dim=2)
    x, of_edges = torch.randn(5, 3).double(), torch.randn(simplices[1].size(1), 2).double()
    place = {tuple(edge): i for i, edge in enumerate(simplices[1].T.tolist())}
    attr = of_edges[[place[tuple(sorted(edge))] for edge in EDGES.T.tolist()]]
    assert_close(conv(x, pairs, of_edges[via]), conv(x, EDGES, attr))


def test_lower_and_upper_neighbors_of_edges_are_joined_by_their_features():
    simplices = clique_complex(EDGES, 5)
    nodes, triangles = torch.randn(5, 2).double(), torch.randn(1, 2).double()
    pairs, via, upper = simplicial_neighbors(simplices, 1)
    attr = torch.empty(via.numel(), 2).double()
    attr[~upper], attr[upper] = nodes[via[~upper]], triangles[via[upper]]
    conv = layer(3, 4, walk_length=6, window=2, edge_dim=2)
    x = torch.randn(simplices[1].size(1), 3).double()
    assert_close(conv(x, pairs, attr), looped(conv, x, pairs, attr))


def test_walks_are_those_of_the_seed_in_evaluation_alone():
    x = torch.randn(5, 3).double()
    conv = layer(3, 3, walk_length=8, window=3)
    other = layer(3, 3, walk_length=8, window=3, seed=1)
    assert torch.equal(conv(x, EDGES), conv(x, EDGES))
    assert not torch.equal(conv(x, EDGES), other(x, EDGES))
    conv.train()
    assert not torch.equal(conv(x, EDGES), conv(x, EDGES))


@pytest.mark.parametrize("training", [True, False])
def test_walks_come_from_a_generator_that_is_given(training):
    x, conv = torch.randn(5, 3).double(), layer(3, 3, walk_length=8, window=3).train(training)
    before = torch.random.get_rng_state()
    outs = [conv(x, EDGES, generator=torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    one = torch.Generator().manual_seed(4)
    again = [conv(x, EDGES, generator=one) for _ in range(2)]
    assert torch.equal(again[0], outs[0])
    assert not torch.equal(again[1], outs[0])


def test_gradients():
    conv = layer(2, 2, walk_length=5, window=2, edge_dim=1)
    x, attr = torch.randn(5, 2).double(), torch.randn(8, 1).double()
    inputs = (x.requires_grad_(), attr.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, attr: conv(x, EDGES, attr), inputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SCRaWlConv(2, 2, window=0), "window: got 0"),
        (lambda: SCRaWlConv(2, 2, window=8, walk_length=8), "walk_length: got 8"),
        (lambda: layer(2, 2)(torch.ones(5, 2).double(), EDGES, torch.ones(8, 1)), "edge_attr"),
        (lambda: layer(2, 2, edge_dim=1)(torch.ones(5, 2).double(), EDGES), "edge_attr: got None"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
