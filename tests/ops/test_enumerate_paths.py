import math

import networkx as nx
import pytest
import torch

from graphpoly.ops import CSR, count_paths, enumerate_paths, to_csr
from graphpoly.ops.enumerate_paths import PATHS
from graphpoly.ops.enumerate_paths_reference import (
    count_paths_reference,
    enumerate_paths_reference,
)
from graphpoly.testing import graph_zoo
from tests.conftest import DEVICE


def edges(graph):
    """Both directions of an undirected graph, the one of a directed graph."""
    directed = graph.to_directed() if not graph.is_directed() else graph
    return torch.tensor(list(directed.edges), dtype=torch.long).reshape(-1, 2).t().contiguous()


def columns(paths):
    return [tuple(column) for column in paths.node.T.tolist()]


def brute_force(graph, K, paths):
    """Paths by length with networkx, from every source to every target."""
    found = {k: set() for k in range(1, K + 1)}
    for u in graph:
        for v in graph:
            if u == v or not nx.has_path(graph, u, v):
                continue
            if paths == "simple":
                some = nx.all_simple_paths(graph, u, v, cutoff=K)
            else:
                some = nx.all_shortest_paths(graph, u, v)
            for path in some:
                if len(path) <= K + 1:
                    found[len(path) - 1].add(tuple(path))
    return found


def random_graph(seed):
    """Undirected and directed in turn; sparse and dense; with loops in between."""
    generator = torch.Generator(DEVICE).manual_seed(seed)
    n = int(torch.randint(1, 9, (), generator=generator))
    p = float(torch.rand((), generator=generator))
    graph = nx.gnp_random_graph(n, p, seed=seed, directed=bool(seed % 2))
    if seed % 5 == 0:
        graph.add_edge(0, 0)
    return graph


def test_brute_force_on_200_graphs():
    for seed in range(200):
        graph = random_graph(seed)
        n, K, pairs = len(graph), 4, edges(graph)
        for paths in ("simple", "shortest"):
            expected = brute_force(graph, K, paths)
            made = enumerate_paths(pairs, K, n, paths=paths)
            assert [columns(some) for some in made] == [sorted(expected[k]) for k in expected]
            into = [[sum(p[-1] == v for p in expected[k]) for k in expected] for v in range(n)]
            assert count_paths(pairs, K, n, paths=paths).tolist() == into
        # one of the shortest paths for each pair of ends
        for seed in (None, 3):
            single = enumerate_paths(pairs, K, n, paths="single", seed=seed)
            for k, some in enumerate(single, 1):
                chosen = columns(some)
                assert set(chosen) <= expected[k]
                ends = sorted((p[0], p[-1]) for p in chosen)
                assert ends == sorted({(p[0], p[-1]) for p in expected[k]})
                assert chosen == sorted(chosen)


@pytest.mark.parametrize("n", [2, 5, 7])
def test_complete_graph(n):
    counts = count_paths(edges(nx.complete_graph(n)), 5, n).sum(0).tolist()
    assert counts == [math.perm(n, k + 1) for k in range(1, 6)]
    assert counts == [p.num_paths for p in enumerate_paths(edges(nx.complete_graph(n)), 5, n)]
    assert count_paths(edges(nx.complete_graph(n)), 5, n, paths="shortest").sum(0).tolist() == [
        n * (n - 1), 0, 0, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("n", [5, 8])
def test_cycle(n):
    counts = count_paths(edges(nx.cycle_graph(n)), n + 1, n).sum(0).tolist()
    assert counts == [2 * n] * (n - 1) + [0, 0]


def test_binary_cube_has_factorially_many_shortest_paths():
    cube = nx.convert_node_labels_to_integers(nx.hypercube_graph(5))
    counts = count_paths(edges(cube), 5, 32, paths="shortest").sum(0).tolist()
    assert counts == [32 * math.comb(5, k) * math.factorial(k) for k in range(1, 6)]
    single = count_paths(edges(cube), 5, 32, paths="single").sum(0).tolist()
    assert single == [32 * math.comb(5, k) for k in range(1, 6)]


def test_distances_are_those_of_the_graph():
    for seed in range(40):
        graph = random_graph(seed)
        made = enumerate_paths(edges(graph), 4, len(graph), distances=True)
        plain = enumerate_paths(edges(graph), 4, len(graph))
        away = dict(nx.all_pairs_shortest_path_length(graph))
        for some, other in zip(made, plain, strict=True):
            assert sorted(columns(some)) == columns(other)
            tokens = [
                tuple(zip(p, d, strict=True))
                for p, d in zip(columns(some), some.distance.T.tolist(), strict=True)
            ]
            assert tokens == sorted(tokens)
            for path in tokens:
                assert [d for _, d in path] == [away[u][path[-1][0]] for u, _ in path]


@pytest.mark.parametrize("index64", [False, True])
@pytest.mark.parametrize("paths", PATHS)
def test_reference(paths, index64):
    kind = PATHS.index(paths)
    for name, data in graph_zoo().items():
        adj = to_csr(data.edge_index, num_nodes=data.num_nodes)
        rows = (adj.rowptr.long(), adj.col.long()) if index64 else (adj.rowptr, adj.col)
        for seed in (-1, 7):
            for low, distances in ((1, True), (3, False)):
                call = (*rows, low, 3, kind, seed, -1, distances, None)
                fast = torch.ops.graphpoly.enumerate_paths(*call)
                for one, other in zip(fast, enumerate_paths_reference(*call), strict=True):
                    assert one.dtype == other.dtype
                    assert torch.equal(one, other), (name, seed, low)
        counted = torch.ops.graphpoly.count_paths(*rows, 3, kind)
        assert torch.equal(counted, count_paths_reference(*rows, 3, kind))


@pytest.mark.parametrize("distances", [False, True])
def test_any_number_of_threads(distances):
    pairs = edges(nx.random_regular_graph(4, 300, seed=0))
    before = torch.get_num_threads()
    made = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            made.append(enumerate_paths(pairs, 4, 300, distances=distances))
    finally:
        torch.set_num_threads(before)
    for other in made[1:]:
        for one, two in zip(made[0], other, strict=True):
            assert torch.equal(one.node, two.node)
            assert not distances or torch.equal(one.distance, two.distance)


def test_duplicates_and_loops_add_nothing():
    pairs = torch.tensor([[0, 0, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 0, 0]])
    one, two, three = enumerate_paths(pairs, 3, 4)
    assert columns(one) == [(0, 1), (1, 2), (2, 0)]
    assert columns(two) == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert three.node.shape == (4, 0)


def test_forms_of_a_graph_and_types():
    pairs = edges(nx.petersen_graph())
    expected = enumerate_paths(pairs, 3, 10, distances=True)
    coo = torch.sparse_coo_tensor(pairs.flip(0), torch.ones(30), (10, 10))
    for form in (coo, coo.to_sparse_csr(), pairs.int()):
        for one, other in zip(enumerate_paths(form, 3, 10, distances=True), expected, strict=True):
            assert torch.equal(one.node, other.node)
            assert torch.equal(one.distance, other.distance)
    assert expected[0].node.dtype == torch.int32
    assert isinstance(to_csr(pairs, num_nodes=10), CSR)


def test_lengths_from_the_middle():
    pairs = edges(nx.petersen_graph())
    whole = enumerate_paths(pairs, 4, 10, distances=True)
    for low in (2, 4):
        part = enumerate_paths(pairs, 4, 10, shortest=low, distances=True)
        assert [p.length for p in part] == list(range(low, 5))
        for one, other in zip(part, whole[low - 1 :], strict=True):
            assert torch.equal(one.node, other.node)
            assert torch.equal(one.distance, other.distance)


def test_seeds_choose_among_shortest_paths():
    pairs = edges(nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 4)))
    canonical = enumerate_paths(pairs, 4, 16, paths="single")
    first = enumerate_paths(pairs, 4, 16, paths="single", seed=0)
    again = enumerate_paths(pairs, 4, 16, paths="single", seed=0)
    other = enumerate_paths(pairs, 4, 16, paths="single", seed=1)
    assert columns(first[2]) == columns(again[2])
    assert columns(first[2]) != columns(other[2])
    assert columns(first[2]) != columns(canonical[2])
    # the smallest predecessor leads to each node
    by_ends = {(p[0], p[-1]): p for p in columns(canonical[1])}
    assert by_ends[0, 5] == (0, 1, 5)


def test_a_cap_speaks_of_the_way_out():
    pairs = edges(nx.complete_graph(8))
    message = "2072 paths, max_paths is 2071; lower K, raise max_paths, or draw some with sample="
    with pytest.raises(ValueError, match=message):
        enumerate_paths(pairs, 4 - 1, 8, max_paths=2071)
    assert len(enumerate_paths(pairs, 3, 8, max_paths=2072)) == 3


def test_sampling_keeps_a_uniform_share():
    pairs = edges(nx.complete_graph(7))
    whole = columns(enumerate_paths(pairs, 3, 7)[2])
    one, two, three = enumerate_paths(pairs, 3, 7, sample=100, seed=0, distances=True)
    assert (one.num_paths, two.num_paths, three.num_paths) == (42, 100, 100)
    assert three.distance.shape == (4, 100)
    assert columns(three) == sorted(columns(three))
    counts = dict.fromkeys(whole, 0)
    for seed in range(400):
        for path in columns(enumerate_paths(pairs, 3, 7, shortest=3, sample=100, seed=seed)[0]):
            counts[path] += 1
    share = torch.tensor(list(counts.values())) / 400
    expected = 100 / 840
    spread = (expected * (1 - expected) / 400) ** 0.5
    assert (share - expected).abs().max() < 5 * spread
    again = enumerate_paths(pairs, 3, 7, sample=100, seed=0)
    assert columns(again[2]) == columns(three)


def test_refusals():
    pairs = edges(nx.path_graph(3))
    with pytest.raises(ValueError, match="unknown paths 'simpel'; did you mean 'simple'"):
        enumerate_paths(pairs, 2, 3, paths="simpel")
    with pytest.raises(ValueError, match="1 <= shortest <= K"):
        enumerate_paths(pairs, 2, 3, shortest=3)
    with pytest.raises(ValueError, match="K: got 0"):
        count_paths(pairs, 0, 3)
    with pytest.raises(ValueError, match="sample: got -1"):
        enumerate_paths(pairs, 2, 3, sample=-1)
    adj_t = torch.sparse_coo_tensor(torch.tensor([[0], [1]]), torch.ones(1), (2, 4))
    with pytest.raises(ValueError, match="square operator"):
        enumerate_paths(adj_t, 2)
    with pytest.raises(RuntimeError, match="lies outside"):
        torch.ops.graphpoly.count_paths(torch.tensor([0, 1]), torch.tensor([1]), 2, 0)


def layered(layers: int, width: int) -> torch.Tensor:
    """Layers of ``width`` nodes, each joined to all of the next."""
    nodes = torch.arange(width)
    step = torch.cartesian_prod(nodes, nodes + width).T
    return torch.cat([step + width * i for i in range(layers - 1)], 1)


def test_numbers_beyond_int64_stand_at_its_maximum() -> None:
    edges = layered(33, 4)
    count = count_paths(edges, 32, 132, paths="shortest")
    assert [int(count[-1, k - 1]) for k in (1, 30, 31, 32)] == [4, 4**30, 4**31, 2**63 - 1]
    for options in ({}, {"sample": 3}, {"max_paths": None}):
        with pytest.raises(ValueError, match=f"more than {2**63 - 2} paths"):
            enumerate_paths(edges, 32, 132, paths="shortest", **options)


def test_counting_stops_at_the_bound() -> None:
    clique = torch.combinations(torch.arange(24)).T
    clique = torch.cat([clique, clique.flip(0)], 1)
    with pytest.raises(ValueError, match="more than 1000 paths, max_paths is 1000; lower K"):
        enumerate_paths(clique, 8, 24, max_paths=1000)
    # what is too short to be listed does not count
    assert enumerate_paths(clique[:, :6], 3, 24, shortest=3, max_paths=0)[0].num_paths == 0
