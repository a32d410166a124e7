from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom, chisquare
from torch import Tensor

from graphpoly.privacy import Readers, bound_readers, most_terms


def random_edges(seed: int, num_nodes: int, num_edges: int) -> Tensor:
    """Return edges with some twice and some from a node to itself."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(num_nodes, (2, num_edges), generator=generator)
    return torch.cat([edges, edges[:, : num_edges // 5]], dim=1)


def plain(
    edge_index: Tensor, num_nodes: int, max_degree: int, nodes: Tensor, draws: np.ndarray
) -> list[int]:
    """The algorithm node by node, with the same draws."""
    edges = list(zip(*edge_index.tolist(), strict=True))
    kept: set[tuple[int, int]] = set()
    place = 0
    for read in range(num_nodes):
        readers = sorted(
            {b for a, b in edges if a == read != b and bool(nodes[a]) and bool(nodes[b])}
        )
        chosen = []
        for reader in readers:
            if draws[place] < max_degree / (2 * len(readers)):
                chosen.append(reader)
            place += 1
        if len(chosen) <= max_degree:
            kept |= {(read, reader) for reader in chosen}
    assert place == len(draws)
    return [index for index, edge in enumerate(edges) if edge in kept]


@pytest.mark.parametrize("max_degree", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_sampling_is_the_plain_loop(seed: int, max_degree: int) -> None:
    edges = random_edges(seed, 12, 60)
    nodes = torch.arange(12) % 4 != 1
    among = {
        (a, b)
        for a, b in zip(*edges.tolist(), strict=True)
        if a != b and bool(nodes[a]) and bool(nodes[b])
    }
    draws = np.random.default_rng(seed).random(len(among))
    expected = plain(edges, 12, max_degree, nodes, draws)
    generator = np.random.default_rng(seed)
    found = bound_readers(edges, 12, max_degree, generator=generator, nodes=nodes)
    assert found.tolist() == expected
    again = bound_readers(edges, 12, max_degree, generator=np.random.default_rng(seed), nodes=nodes)
    assert torch.equal(found, again)


@pytest.mark.parametrize("max_degree", [1, 3, 6])
def test_no_node_is_read_by_more_than_so_many(max_degree: int) -> None:
    generator = np.random.default_rng(0)
    most = 0
    for seed in range(60):
        edges = random_edges(seed, 30, 40 + 15 * seed)
        kept = edges[:, bound_readers(edges, 30, max_degree, generator=generator)]
        readers = [len(set(kept[1, kept[0] == node].tolist())) for node in range(30)]
        assert max(readers) <= max_degree
        assert bool((kept[0] != kept[1]).all())
        most = max(most, *readers)
    assert most == max_degree  # the bound is met


def test_a_node_with_few_readers_keeps_them_all() -> None:
    edges = torch.tensor([[0, 0, 1], [1, 2, 2]])
    kept = bound_readers(edges, 3, 4, generator=np.random.default_rng(0))
    assert kept.tolist() == [0, 1, 2]


def test_the_numbers_that_survive_are_binomial_and_too_many_are_none() -> None:
    num_readers, max_degree, draws = 12, 5, 4000
    star = torch.stack([torch.zeros(num_readers).long(), torch.arange(1, num_readers + 1)])
    generator = np.random.default_rng(7)
    counts, who = np.zeros(max_degree + 1), np.zeros(num_readers)
    for _ in range(draws):
        kept = bound_readers(star, num_readers + 1, max_degree, generator=generator)
        counts[len(kept)] += 1
        who[kept.numpy()] += 1
    chances = binom(num_readers, max_degree / (2 * num_readers)).pmf(np.arange(num_readers + 1))
    expected = chances[: max_degree + 1].copy()
    expected[0] += chances[max_degree + 1 :].sum()
    assert chisquare(counts, draws * expected).pvalue > 0.01
    assert chisquare(who).pvalue > 0.01


@pytest.mark.parametrize("num_edges", [0, 1])
def test_hardly_any_edge(num_edges: int) -> None:
    edges = torch.zeros(2, num_edges).long()
    assert not len(bound_readers(edges, 1, 2, generator=np.random.default_rng(0)))
    blocks = Readers(edges[:, :0], 1).blocks(torch.tensor([0]), 2)
    assert blocks.node.tolist() == blocks.root.tolist() == [0]
    with pytest.raises(ValueError, match="max_degree: got 0"):
        bound_readers(edges, 1, 0, generator=np.random.default_rng(0))


@pytest.mark.parametrize("num_hops", [0, 1, 2, 3])
def test_a_block_holds_what_its_root_reads(num_hops: int) -> None:
    edges = random_edges(3, 15, 35)
    pairs = list(zip(*edges.tolist(), strict=True))
    roots = torch.tensor([4, 0, 11, 4, 7])
    blocks = Readers(edges, 15).blocks(roots, num_hops)
    assert torch.equal(blocks.node[blocks.root], roots)
    assert torch.equal(blocks.block, blocks.block.sort().values)
    for number, root in enumerate(roots.tolist()):
        reach, taken = {root}, set()
        for _ in range(num_hops):
            taken |= {place for place, (_, reader) in enumerate(pairs) if reader in reach}
            reach = reach | {pairs[place][0] for place in taken}
        mine = blocks.block == number
        assert sorted(blocks.node[mine].tolist()) == sorted(reach)
        of_edge = blocks.block[blocks.edge_index]
        assert torch.equal(of_edge[0], of_edge[1])
        assert sorted(blocks.edge[of_edge[0] == number].tolist()) == sorted(taken)
    assert torch.equal(blocks.node[blocks.edge_index], edges[:, blocks.edge])


@pytest.mark.parametrize("num_hops", [0, 1, 2])
def test_a_node_is_in_so_many_blocks_at_most(num_hops: int) -> None:
    for seed in range(20):
        edges = random_edges(seed, 40, 300)
        kept = edges[:, bound_readers(edges, 40, 2, generator=np.random.default_rng(seed))]
        blocks = Readers(kept, 40).blocks(torch.arange(40), num_hops)
        assert int(torch.bincount(blocks.node).max()) <= most_terms(2, num_hops)


def test_removal_before_the_sampling_is_outside_the_account() -> None:
    """A hub reads what 200 others read, each another node; with it gone, many more of them do.

    Each keeps its edge with chance 1/4 * 3/4 beside the hub and 1/2 without: however the draws of
    both graphs are matched, more terms change than the K + 1 of the account.
    """
    many, hub = 200, 0
    read = torch.arange(1, many + 1)
    edges = torch.stack([read.repeat(2), torch.cat([torch.full_like(read, hub), read + many])])

    def still_reading(edges: Tensor, seed: int) -> int:
        generator = np.random.default_rng(seed)
        kept = edges[:, bound_readers(edges, 2 * many + 1, 1, generator=generator)]
        return int((kept[1] != hub).sum())

    beside = [still_reading(edges, seed) for seed in range(20)]
    without = [still_reading(edges[:, many:], seed) for seed in range(20)]
    assert np.mean(beside) == pytest.approx(many * 3 / 16, rel=0.1)
    assert np.mean(without) == pytest.approx(many / 2, rel=0.1)
    assert min(without) - max(beside) > 10 * most_terms(1, 1)
