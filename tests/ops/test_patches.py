"""Patches against sets of nodes, on every graph of the zoo."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch

from graphpoly.ops.patches import grow_patches, patch_edges, patch_overlap, patch_walks
from graphpoly.testing import graph_zoo
from tests.conftest import DEVICE

ZOO = graph_zoo()
P = 3


def parts_of(data):
    generator = torch.Generator(DEVICE).manual_seed(data.num_nodes)
    return torch.randint(P, (data.num_nodes,), generator=generator)


def sets_of(patch, node):
    return [set(node[patch == p].tolist()) for p in range(P)]


def by_hand(data, part, hops):
    """Each part with all nodes within some hops of it, whichever way the edges lead."""
    graph = nx.Graph(data.edge_index.T.tolist())
    graph.add_nodes_from(range(data.num_nodes))
    found = [set() for _ in range(P)]
    for v in range(data.num_nodes):
        found[int(part[v])] |= set(nx.single_source_shortest_path_length(graph, v, hops))
    return found


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_a_patch_is_its_part_and_what_is_within_the_hops(hops):
    for name, data in ZOO.items():
        part = parts_of(data)
        patch, node = grow_patches(data.edge_index, part, hops)
        assert sets_of(patch, node) == by_hand(data, part, hops), name
        assert bool(((patch * data.num_nodes + node).diff() > 0).all())


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_edges_of_a_patch_are_all_between_its_nodes(hops):
    for name, data in ZOO.items():
        patch, node = grow_patches(data.edge_index, parts_of(data), hops)
        pairs, edge = patch_edges(data.edge_index, patch, node, data.num_nodes)
        held, given = sets_of(patch, node), data.edge_index.T.tolist()
        expected = [
            (p, e) for p in range(P) for e, ends in enumerate(given) if set(ends) <= held[p]
        ]
        source, target = patch[pairs]
        assert torch.equal(source, target)
        assert torch.equal(node[pairs], data.edge_index[:, edge]), name
        assert sorted(zip(source.tolist(), edge.tolist(), strict=True)) == expected, name
        if hops:
            assert edge.unique().numel() == len(given), name


def test_overlap_counts_shared_nodes_graph_by_graph():
    shape, held = (2, P, 7), [[{0, 1}, {1, 2, 3}, set()], [{4, 5}, {5, 6}, {4, 5, 6}]]
    copies = [(g * P + p, v) for g in range(2) for p in range(P) for v in sorted(held[g][p])]
    overlap = patch_overlap(*torch.tensor(copies).T, shape, torch.float64)
    for g, p, q in itertools.product(range(2), range(P), range(P)):
        assert overlap[g, p, q] == len(held[g][p] & held[g][q])


def test_walks_return_as_the_powers_of_their_matrix_say():
    torch.manual_seed(0)
    overlap = torch.randint(0, 4, (3, 4, 4)).double()
    overlap = overlap + overlap.mT + 4 * torch.eye(4).double()
    overlap[0, 2], overlap[0, :, 2] = 0, 0  # a patch without nodes
    found = patch_walks(overlap, 5)
    for g in range(3):
        walk = torch.nan_to_num(overlap[g] / overlap[g].sum(1, keepdim=True))
        for k in range(5):
            expected = torch.linalg.matrix_power(walk, k + 1).diagonal()
            torch.testing.assert_close(found[g, :, k], expected)
    assert not found[0, 2].any()
