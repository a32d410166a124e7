"""Weights set by hand: what the blocks can count, they count exactly."""

import networkx as nx
import pytest
import torch
from torch import nn

from graphpoly.layers import PPGNBlock
from graphpoly.ops import pair_blocks, pair_matmul
from graphpoly.testing import assert_close

GRAPHS = [
    nx.cycle_graph(4),
    nx.empty_graph(1),
    nx.petersen_graph(),
    nx.complete_graph(5),
    nx.gnp_random_graph(9, 0.5, seed=3),
    nx.complete_bipartite_graph(3, 4),
    nx.empty_graph(3),
]


def packed():
    """The layout of all graphs, and their adjacency and identity matrices."""
    sizes = [len(graph) for graph in GRAPHS]
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    blocks = pair_blocks(batch, sum(sizes))
    matrices = [torch.from_numpy(nx.to_numpy_array(graph)) for graph in GRAPHS]
    x = torch.stack(
        [
            torch.cat([m.flatten() for m in matrices]),
            torch.cat([torch.eye(n, dtype=torch.float64).flatten() for n in sizes]),
        ]
    )
    return blocks, x.to(torch.get_default_device())


def fix(layer, rows, bias=None):
    """Set a linear map by hand."""
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
        layer.bias.copy_(torch.zeros(len(rows)) if bias is None else torch.tensor(bias))


def fixed_block(in_channels, first, second, skip, **arguments):
    """A block whose perceptrons have one layer of the given weights and biases."""
    block = PPGNBlock(in_channels, len(skip), mlp_layers=1, **arguments).double()
    fix(block.mlp1[0], *first)
    fix(block.mlp2[0], *second)
    fix(block.skip, skip)
    return block


SQUARE = fixed_block(  # [A, I] to [A^2, A, I]
    2,
    ([[1.0, 0], [0, 0], [0, 0]],),
    ([[1.0, 0], [0, 0], [0, 0]],),
    [[0.0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]],
)
MOST = 20.0  # more than any entry of A^2
COUNT = fixed_block(  # [A^2, A, I] to [triangles of an edge, quadrilaterals of a node, 0]
    3,
    # where there is an edge A^2, off the diagonal A^2, twice
    ([[1.0, MOST, 0], [1, 0, -MOST], [1, 0, -MOST]], [-MOST, 0.0, 0.0]),
    # I, off the diagonal A^2, one everywhere
    ([[0.0, 0, 1], [1, 0, -MOST], [0, 0, 0]], [0.0, 0.0, 1.0]),
    [[0.0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0.5, -0.5], [0, 0, 0, 0, 0, 0]],
)


def test_square_of_the_adjacency_matrix():
    blocks, x = packed()
    out = SQUARE(x, blocks)
    expected = [torch.from_numpy(nx.to_numpy_array(g)).matrix_power(2).flatten() for g in GRAPHS]
    assert torch.equal(out[0], torch.cat(expected).to(out))
    assert torch.equal(out[1:], x)


def test_triangles_of_each_edge():
    blocks, x = packed()
    found = COUNT(SQUARE(x, blocks), blocks)[0]
    start = 0
    for graph in GRAPHS:
        n = len(graph)
        own = found[start : start + n * n].view(n, n)
        for u in graph:
            for v in graph:
                common = set(graph[u]) & set(graph[v]) if graph.has_edge(u, v) else ()
                assert own[u, v] == len(common)
        start += n * n


def test_quadrilaterals_of_each_node():
    blocks, x = packed()
    found = COUNT(SQUARE(x, blocks), blocks)[1, blocks.diagonal]
    expected = []
    for graph in GRAPHS:
        cycles = [cycle for cycle in nx.simple_cycles(graph, 4) if len(cycle) == 4]
        expected += [sum(node in cycle for cycle in cycles) for node in graph]
    assert sum(expected) > 100
    assert found.tolist() == expected


def test_the_transpose_is_seen_by_the_first_perceptron():
    """Only with it does a single block find the product of the transpose and the matrix."""
    blocks, x = packed()
    x = torch.rand_like(x)
    block = fixed_block(2, ([[0.0, 0, 1, 0]],), ([[1.0, 0]],), [[0.0, 0, 1]], transposed=True)
    assert_close(block(x, blocks), pair_matmul(blocks, x[:1], x[:1], transpose_a=True))


@pytest.mark.parametrize("transposed", [False, True])
def test_is_the_formula_on_padded_tensors(transposed):
    blocks, _ = packed()
    block = PPGNBlock(3, 5, mlp_layers=3, transposed=transposed).double()
    for lin in (*block.mlp1, *block.mlp2, block.skip):
        nn.init.normal_(lin.bias, std=0.3)
    x = torch.randn(3, blocks.num_pairs, dtype=torch.float64)
    out = block(x, blocks)
    largest, start = 12, 0
    dense = torch.zeros(len(GRAPHS), 3, largest, largest, dtype=torch.float64)
    mask = torch.zeros(len(GRAPHS), 1, largest, largest, dtype=torch.float64)
    for i, graph in enumerate(GRAPHS):
        n = len(graph)
        dense[i, :, :n, :n] = x[:, start : start + n * n].view(3, n, n)
        mask[i, :, :n, :n] = 1
        start += n * n

    def perceptron(layers, y):
        for lin in layers:
            y = torch.einsum("oc,bcij->boij", lin.weight, y) + lin.bias.view(1, -1, 1, 1)
            y = y.relu()
        return y * mask

    seen = torch.cat([dense, dense.mT], dim=1) if transposed else dense
    product = perceptron(block.mlp1, seen) @ perceptron(block.mlp2, dense)
    joined = torch.cat([dense, product], dim=1)
    expected = torch.einsum("oc,bcij->boij", block.skip.weight, joined)
    expected = expected + block.skip.bias.view(1, -1, 1, 1)
    assert_close(out, expected.transpose(0, 1)[:, mask.squeeze(1).bool()])


def test_arguments():
    with pytest.raises(ValueError, match="mlp_layers: got 0"):
        PPGNBlock(2, 4, mlp_layers=0)
    assert (
        repr(PPGNBlock(2, 4, transposed=True)) == "PPGNBlock(2, 4, mlp_layers=2, transposed=True)"
    )
