"""The operators behind rewiring, against their definitions."""

import math

import networkx as nx
import pytest
import torch

from graphpoly.ops import (
    backends,
    balanced_forman,
    edge_transport,
    fosr,
    gtr,
    hash64,
    laplacian_powers,
    laser,
    sdrf,
    uniform,
)
from graphpoly.ops.balanced_forman import balanced_forman_reference
from graphpoly.ops.edge_transport import edge_transport_reference
from graphpoly.ops.fosr import fosr_reference
from graphpoly.ops.gtr import gtr_reference
from graphpoly.ops.laplacian_powers import laplacian_powers_reference
from graphpoly.ops.laser import laser_reference
from graphpoly.ops.sdrf import sdrf_reference
from graphpoly.rewiring.measures.resistance import components
from graphpoly.testing import assert_close
from tests.rewiring.graphs import graphs_of, random_graphs


def test_hash_is_splitmix():
    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    for seed, a, b in ((0, 1, 2), (-3, 5, 7), (2**40, 0, 0)):
        found = int(hash64(seed, torch.tensor(a), torch.tensor(b))) % 2**64
        assert found == mix((mix((mix(seed % 2**64) + a) % 2**64) + b) % 2**64)
        assert float(uniform(torch.tensor(found - 2**64 * (found >> 63)))) == (found >> 11) / 2**53


def test_balanced_forman_is_its_definition():
    graphs = graphs_of(*random_graphs(60))
    assert_close(balanced_forman(*graphs), balanced_forman_reference(*graphs))


@pytest.mark.parametrize("tau", [math.inf, 0.0, 3.0, 50.0])
@pytest.mark.parametrize("bound", [math.inf, 0.5, -3.0])
def test_sdrf_computes_again_what_has_changed(tau, bound):
    """The reference has all curvatures anew for each candidate."""
    graphs = graphs_of(*random_graphs(12, 11, seed=int(tau != math.inf) + 1))
    steps = sdrf(*graphs, 8, tau=tau, bound=bound, seed=5)
    assert torch.equal(steps, sdrf_reference(*graphs, 8, tau, bound, 5))
    assert (steps[..., 0] >= 0).any()
    assert (steps[..., 1] >= 0).any() == (bound < math.inf)


@pytest.mark.parametrize(("snapshots", "share", "least"), [(1, 0.5, 1), (3, 0.3, 0), (2, 1.0, 1)])
@pytest.mark.parametrize("power", [4, 8])
def test_laser_is_its_definition(snapshots, share, least, power):
    graphs = graphs_of(*random_graphs(20, 16), nx.path_graph(11), nx.empty_graph(3))
    arguments = (snapshots, share, least, power, 3)
    found = laser(*graphs, snapshots, share=share, least=least, power=power, seed=3)
    assert torch.equal(found, laser_reference(*graphs, *arguments))


def test_laser_in_balls_is_its_definition():
    """More than 4096 nodes: walks are followed within balls only."""
    graphs = graphs_of(nx.gnm_random_graph(4100, 3000, seed=1))
    for snapshots, power in ((2, 5), (3, 4)):
        found = laser(*graphs, snapshots, share=0.4, power=power, seed=7)
        assert torch.equal(found, laser_reference(*graphs, snapshots, 0.4, 1, power, 7))


@pytest.mark.parametrize("power_steps", [None, 0, 5])
def test_fosr_is_its_definition(power_steps):
    graphs = graphs_of(*random_graphs(25, 10, seed=4, least=1), nx.empty_graph(0))
    found = fosr(*graphs, 3, power_steps=power_steps, seed=1)
    expected = fosr_reference(*graphs, 3, -1 if power_steps is None else power_steps, 0.0, 1)
    if power_steps is not None:
        assert torch.equal(found, expected)
        return
    compared = 0
    for g in range(graphs.num_graphs):
        one = graphs.single(g).dense()
        for step in range(3):
            if not one.numel() or not _is_simple(one):
                break
            assert torch.equal(found[:, g, step], expected[:, g, step])
            compared += 1
            if found[0, g, step] < 0:
                break
            u, v = found[:, g, step] - graphs.ptr[g]
            one[u, v] = one[v, u] = 1
    assert compared > 30


def _is_simple(adjacency):
    """Whether there is one second eigenvector only."""
    degree = adjacency.sum(1)
    if bool((degree == 0).any()):
        return False
    root = degree.rsqrt()
    values = torch.linalg.eigvalsh(root[:, None] * adjacency * root)
    return values.numel() < 3 or float(values[-2] - values[-3]) > 1e-4


def test_fosr_converges_on_long_paths():
    """Where five power steps have hardly begun."""
    for n in (60, 121):
        path = graphs_of(nx.path_graph(n))
        assert torch.equal(fosr(*path, 1), fosr_reference(*path, 1, -1, 0.0, 0))
        assert not torch.equal(fosr(*path, 1, power_steps=5), fosr(*path, 1))


def test_laplacian_powers_are_the_pseudo_inverse_and_its_square():
    large = nx.disjoint_union(
        nx.gnm_random_graph(160, 500, seed=3), nx.random_labeled_tree(90, seed=1)
    )
    graphs = [*random_graphs(60, 14, seed=8, least=1), large, nx.complete_graph(50)]
    for graph in (*graphs, nx.empty_graph(0), nx.star_graph(40), nx.grid_graph((12, 11))):
        one = graphs_of(nx.convert_node_labels_to_integers(graph))
        laplacian = torch.diag(one.degree.double()) - one.dense()
        inverse, square, part = laplacian_powers(one.rowptr, one.col)
        assert torch.equal(part, components(one))
        assert_close(inverse, torch.linalg.pinv(laplacian, hermitian=True), kind="accumulated")
        assert_close(square, inverse @ inverse, kind="accumulated")
        for found, expected in zip(
            (inverse, square, part), laplacian_powers_reference(one.rowptr, one.col), strict=True
        ):
            assert_close(found, expected, kind="accumulated")


def test_laplacian_powers_of_a_long_path_are_its_closed_form():
    """R(u, v) = |u - v|, and the largest eigenvalue of L^+ is that of the slowest cosine."""
    n = 700
    one = graphs_of(nx.path_graph(n))
    inverse, square, _ = laplacian_powers(one.rowptr, one.col)
    own, place = inverse.diagonal(), torch.arange(n).double()
    away = (place[:, None] - place).abs()
    assert_close(own[:, None] + own - 2 * inverse, away, kind="accumulated")
    slow = torch.cos(math.pi * (place + 0.5) / n)
    value = 1 / (2 * math.sin(math.pi / (2 * n))) ** 2
    assert_close(inverse @ slow / value, slow, kind="accumulated")
    assert_close(square @ slow / value**2, slow, kind="accumulated")


def test_edge_transport_is_a_linear_program():
    compared = 0
    for graph in (*random_graphs(30, 12, seed=3), nx.star_graph(9), nx.complete_graph(6)):
        one = graphs_of(graph)
        edges = torch.stack([one.row, one.col])
        cost, farthest = edge_transport(one.rowptr, one.col, edges)
        expected, _ = edge_transport_reference(one.rowptr, one.col, edges)
        assert_close(cost, expected, kind="accumulated")
        dense = one.dense()
        assert bool(dense[edges[0], farthest[0]].all())
        assert bool(dense[edges[1], farthest[1]].all())
        compared += cost.numel()
    assert compared > 300


def test_edge_transport_is_that_of_pot():
    """On graphs with larger degrees, in more than one share of work."""
    ot = pytest.importorskip("ot", reason="no POT: pip install 'graphpoly[rewiring]'")
    graph = nx.barabasi_albert_graph(120, 6, seed=2)
    one = graphs_of(graph)
    away = dict(nx.all_pairs_shortest_path_length(graph))
    cost, _ = edge_transport(one.rowptr, one.col, one.edges)
    for found, (i, j) in zip(cost.tolist(), one.edges.T.tolist(), strict=True):
        rows, cols = sorted(graph[i]), sorted(graph[j])
        distance = [[float(away[k][w]) for w in cols] for k in rows]
        expected = ot.emd2(ot.unif(len(rows)), ot.unif(len(cols)), distance)
        assert found == pytest.approx(expected, abs=1e-12)


def test_edge_transport_refuses_what_is_no_edge():
    one = graphs_of(nx.path_graph(3))
    with pytest.raises(ValueError, match="nodes that are not adjacent"):
        edge_transport(one.rowptr, one.col, torch.tensor([[0], [2]]))
    with pytest.raises(TypeError, match=r"edges: got torch\.int32"):
        edge_transport(one.rowptr, one.col, torch.tensor([[0], [1]]).int())


def test_gtr_is_its_definition():
    graphs = graphs_of(*random_graphs(40, 12, seed=2), nx.gnm_random_graph(70, 160, seed=1))
    pairs, drop = gtr(*graphs, 6)
    expected, gain = gtr_reference(*graphs, 6)
    assert_close(drop, gain, kind="accumulated")
    assert torch.equal(pairs, expected)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda r, c, p: fosr(r, c, p, -1), "num_edges: got -1"),
        (lambda r, c, p: sdrf(r, c, p, 1, tau=-1.0), "tau: got -1"),
        (lambda r, c, p: laser(r, c, p, 2, share=2.0), "share: got 2"),
        (lambda r, c, p: laser(r, c, p, 2, share=0.5, power=2), "power: got 2"),
        (lambda r, c, p: fosr(r, c + 9, p, 1), "row 0 is not an ascending list|got 9 to 11"),
        (
            lambda r, c, p: fosr(torch.tensor([0, 2, 4]), c[[0, 0, 1, 1]], torch.tensor([0, 2]), 1),
            "ascending list",
        ),
        (lambda r, c, p: fosr(r, c.flip(0), p, 1), "ascending list|no reverse"),
        (lambda r, c, p: sdrf(r.clamp(max=1), c[:1], p, 1), "no reverse|without its reverse"),
        (lambda r, c, p: balanced_forman(r, c, p + 1), "ptr: .*expected .*0"),
        (
            lambda r, c, p: balanced_forman(r, c, torch.tensor([0, 1, 3])),
            "is not an ascending list of other nodes of its graph|an edge between two",
        ),
        (
            lambda r, c, p: fosr(r, c, torch.tensor([0, 2**40, 3]), 1),
            "ptr: (descends|.*expected offsets)",
        ),
        (lambda r, c, p: fosr(r + 2**40 * (r == 1), c, p, 1), "rowptr: .*(descends|ascending)"),
        (lambda r, c, p: fosr(r - 2**62 * (r == 1), c, p, 1), "rowptr: .*(descends|ascending)"),
    ],
)
@pytest.mark.cpu
def test_what_is_no_simple_undirected_graph_is_refused(run, message):
    with pytest.raises(ValueError, match=message):
        run(*graphs_of(nx.path_graph(3)))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("fosr", (-1, -1, 0.0, 0), "num_edges: got -1"),
        ("sdrf", (1, -1.0, 0.0, 0), "tau: got -1"),
        ("laser", (2, 2.0, 1, 8, 0), "share: got 2"),
        ("laser", (2, 0.5, 1, 2, 0), "power: got 2"),
    ],
)
@pytest.mark.cpu
def test_kernels_refuse_what_they_cannot_read(name, given, message):
    if not backends()["cpp"]["available"]:
        pytest.skip(backends()["cpp"]["reason"])
    rowptr, col, ptr = graphs_of(nx.path_graph(3))
    operator = getattr(torch.ops.graphpoly, name)
    with pytest.raises(RuntimeError, match=message):
        operator(rowptr, col, ptr, *given)
    with pytest.raises(RuntimeError, match="row 0 is not an ascending list"):
        torch.ops.graphpoly.fosr(rowptr, col + 9, ptr, 1, -1, 0.0, 0)
