"""GraphMambaConv: its parts put together, and what its orders and draws leave alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphpoly.layers import GraphMambaConv
from graphpoly.layers.mamba import induced_tokens
from graphpoly.ops import to_csr
from graphpoly.testing import assert_close

SMALL = {"expand": 1, "states": 3, "kernel_size": 2}


def made(**options):
    torch.manual_seed(0)
    return GraphMambaConv(3, 4, **SMALL, **options).double().eval()


def tournament(size):
    """Node i hears from all before it: no two nodes have one degree."""
    pairs = [(j, i) for i in range(size) for j in range(i)]
    edges = torch.tensor(pairs, dtype=torch.long).view(-1, 2).T
    return edges, torch.randn(size, 3).double()


def test_nodes_are_scanned_by_degree_and_messages_added():
    conv = made(node_layers=2)
    edges, x = tournament(6)
    order = torch.randperm(6)
    shuffled = torch.empty_like(x).index_copy(0, order, x)
    h = conv.lin_in(x)
    expected = h
    for scan in conv.nodes:
        expected = scan(expected, torch.tensor([0, 6]))  # node i has degree i
    first, second = conv.convs
    expected = expected + second(F.gelu(first(h, edges)), edges)
    assert_close(conv(shuffled, order[edges])[order], expected)


def test_subgraphs_are_scanned_from_the_longest_walks_to_the_node():
    conv = made(walk_length=2, num_walks=2, samples=2, node_layers=0, message_passing=False)
    edges, x = tournament(5)
    visited = conv.draw(edges, 5)
    assert visited.shape == (5, 5, 6)
    tokens = conv.encoder(conv.lin_in(x), induced_tokens(to_csr(edges, num_nodes=5), visited))
    alone = [conv.tokens[0](part, torch.tensor([0, 5]))[-1] for part in tokens.view(5, 5, 4)]
    assert_close(conv(x, edges), torch.stack(alone))


def test_renamed_nodes_of_distinct_degrees_with_the_same_draws():
    conv = made(walk_length=2, num_walks=2, samples=2)
    edges, x = tournament(7)
    visited = conv.draw(edges, 7)
    order = torch.randperm(7)
    moved_x, moved = torch.empty_like(x), torch.empty_like(visited)
    moved_x[order], moved[order] = x, order[visited]
    out = conv(moved_x, order[edges], visited=moved)
    assert_close(out[order], conv(x, edges, visited=visited))


@pytest.mark.parametrize("walk_length", [0, 3])
def test_a_batch_is_its_graphs_in_any_order_of_nodes(walk_length):
    conv = made(walk_length=walk_length, num_walks=2)
    graphs = [tournament(size) for size in (4, 6, 1)]
    alone = torch.cat([conv(x, edges) for edges, x in graphs])
    edges = torch.cat([graphs[0][0], graphs[1][0] + 4, graphs[2][0] + 10], 1)
    x, batch = torch.cat([x for _, x in graphs]), torch.tensor([0] * 4 + [1] * 6 + [2])
    assert_close(conv(x, edges, batch), alone)
    # graphs one within another, the nodes of each still in their order
    order = torch.tensor([0, 3, 6, 9, 1, 2, 4, 5, 7, 8, 10])
    moved_x, moved_batch = torch.empty_like(x), torch.empty_like(batch)
    moved_x[order], moved_batch[order] = x, batch
    assert_close(conv(moved_x, order[edges], moved_batch, 3)[order], alone)


def test_draws_are_new_in_training_and_of_the_seed_in_evaluation():
    conv = made(walk_length=3, num_walks=1, samples=2)
    edges, x = tournament(8)
    assert torch.equal(conv(x, edges), conv(x, edges))
    assert torch.equal(conv(x, edges), conv(x, edges, visited=conv.draw(edges, 8)))
    conv.train()
    torch.manual_seed(1)
    first, second = conv(x, edges), conv(x, edges)
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(conv(x, edges), first)
    conv.eval().seed = 7
    assert not torch.equal(conv.draw(edges, 8), made(walk_length=3, samples=2).draw(edges, 8))


@pytest.mark.parametrize("training", [True, False])
def test_draws_come_from_a_generator_that_is_given(training):
    conv = made(walk_length=3, num_walks=1, samples=2).train(training)
    edges, x = tournament(8)
    before = torch.random.get_rng_state()
    outs = [conv(x, edges, generator=torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    visited = conv.draw(edges, 8, generator=torch.Generator().manual_seed(4))
    assert torch.equal(conv(x, edges, visited=visited), outs[0])
    with pytest.raises(ValueError, match="generator or visited, not both"):
        conv(x, edges, visited=visited, generator=torch.Generator())


def test_without_scans_over_nodes_a_node_sees_as_far_as_its_walks():
    conv = made(walk_length=2, num_walks=16, node_layers=0, message_passing=False)
    path = torch.stack([torch.arange(8), torch.arange(1, 9)])
    x = torch.randn(9, 3).double()
    seen = torch.autograd.functional.jacobian(
        lambda x: conv(x, torch.cat([path, path.flip(0)], 1))[4], x
    )
    assert (seen.abs().amax((0, 2)) > 0).tolist() == [abs(i - 4) <= 2 for i in range(9)]
    assert conv.num_hops == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"walk_length": -1}, "walk_length: got -1"),
        ({"num_walks": 0}, "num_walks: got 0"),
        ({"samples": 0}, "samples: got 0"),
        ({"states": 0}, "states: got 0"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        GraphMambaConv(3, 4, **wrong)


@pytest.mark.parametrize(
    ("visited", "message"),
    [
        (torch.zeros(3, 2, 2).long(), r"visited: got shape \(3, 2, 2\), expected \[4, T, W\]"),
        (torch.full((4, 2, 2), 4), "visited: got 4 to 4"),
    ],
)
def test_subgraphs_that_do_not_fit_are_refused(visited, message):
    edges, x = tournament(4)
    with pytest.raises(ValueError, match=message):
        made(walk_length=1)(x, edges, visited=visited)
