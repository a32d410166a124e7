"""Subgraphs that walks find, against a brute-force search."""

from __future__ import annotations

import networkx as nx
import torch

from graphpoly.layers.mamba import TokenEncoder, draw_tokens, induced_tokens
from graphpoly.ops import to_csr
from graphpoly.testing import assert_close

# directed, with a loop, a double edge and a node alone
EDGES = torch.tensor([[0, 1, 2, 3, 3, 0, 4, 1, 5, 5], [1, 2, 3, 0, 0, 2, 4, 0, 1, 3]])
ADJ = to_csr(EDGES, num_nodes=7)
PAIRS = set(map(tuple, EDGES.T.tolist()))


def test_a_token_lies_within_the_length_of_its_walks_and_the_last_is_the_node():
    visited = draw_tokens(ADJ, length=3, walks=2, samples=2, seed=0)
    assert visited.shape == (7, 7, 8)
    into = nx.DiGraph()
    into.add_nodes_from(range(7))
    into.add_edges_from((target, source) for source, target in PAIRS)
    for v, tokens in enumerate(visited.tolist()):
        near = nx.single_source_shortest_path_length(into, v)
        for t, token in enumerate(tokens):
            assert v in token
            assert all(near[u] <= 3 - t // 2 for u in token)
        assert set(tokens[-1]) == {v}


def test_walks_are_as_long_as_they_are_said_to_be():
    ring = torch.stack([torch.arange(9), (torch.arange(9) + 1) % 9])
    visited = draw_tokens(to_csr(ring, num_nodes=9), length=4, walks=1, samples=1, seed=5)
    sizes = [[len(set(token)) for token in tokens] for tokens in visited.tolist()]
    assert sizes == [[5, 4, 3, 2, 1]] * 9


def test_many_walks_find_the_whole_neighbourhood():
    visited = draw_tokens(ADJ, length=2, walks=64, samples=1, seed=1)
    into = nx.DiGraph((target, source) for source, target in PAIRS)
    for v in into:
        near = nx.single_source_shortest_path_length(into, v, cutoff=2)
        assert set(visited[v, 0].tolist()) == set(near)


def test_a_graph_in_a_batch_is_walked_on_as_it_is_alone():
    twice = to_csr(torch.cat([EDGES, EDGES + 7], 1), num_nodes=14)
    options = {"length": 3, "walks": 2, "samples": 2, "seed": 4}
    visited = draw_tokens(twice, place=torch.arange(7).repeat(2), **options)
    alone = draw_tokens(ADJ, **options)
    assert torch.equal(visited, torch.cat([alone, alone + 7]))


def test_neither_the_order_of_edges_nor_another_call_changes_a_draw():
    options = {"length": 3, "walks": 2, "samples": 2}
    visited = draw_tokens(ADJ, seed=2, **options)
    shuffled = to_csr(EDGES[:, torch.randperm(10)], num_nodes=7)
    assert torch.equal(draw_tokens(shuffled, seed=2, **options), visited)
    assert not torch.equal(draw_tokens(ADJ, seed=3, **options), visited)


def subgraph(token):
    """Members, and pairs of their places that are edges, each once."""
    members = sorted(set(token))
    pairs = {(members.index(u), members.index(v)) for u, v in PAIRS if {u, v} <= set(members)}
    return members, pairs


def test_induced_subgraphs_are_those_of_the_definition():
    visited = torch.randint(7, (5, 3, 6), generator=torch.Generator().manual_seed(0))
    tokens = induced_tokens(ADJ, visited)
    first = tokens.members.rowptr.tolist()
    row = tokens.edges.rows()
    for t, token in enumerate(visited.flatten(0, 1).tolist()):
        members, pairs = subgraph(token)
        assert tokens.node[first[t] : first[t + 1]].tolist() == members
        inside = (row >= first[t]) & (row < first[t + 1])
        found = torch.stack([tokens.edges.col[inside], row[inside]], 1) - first[t]
        assert sorted(map(tuple, found.tolist())) == sorted(pairs)
    assert tokens.edges.num_entries == sum(
        len(subgraph(token)[1]) for token in visited.flatten(0, 1).tolist()
    )


def test_encoder_equals_dense_matrices():
    torch.manual_seed(3)
    visited = torch.randint(7, (4, 6))
    x = torch.randn(7, 5).double()
    for rounds in (0, 1, 2):
        encoder = TokenEncoder(5, rounds).double()
        expected = []
        for token in visited.tolist():
            members, pairs = subgraph(token)
            adj = torch.zeros(len(members), len(members)).double()
            for u, v in pairs:
                adj[v, u] = 1
            h = x[members]
            for own, sent in zip(encoder.own, encoder.sent, strict=True):
                h = h + (own(h) + adj @ sent(h)).relu()
            expected.append(h.mean(0))
        assert_close(encoder(x, induced_tokens(ADJ, visited)), torch.stack(expected))


def test_a_graph_without_nodes():
    empty = to_csr(torch.empty(2, 0, dtype=torch.long), num_nodes=0)
    visited = draw_tokens(empty, length=2, walks=2, samples=1, seed=0)
    assert visited.shape == (0, 3, 6)
    tokens = induced_tokens(empty, visited)
    assert TokenEncoder(4)(torch.zeros(0, 4), tokens).shape == (0, 4)
