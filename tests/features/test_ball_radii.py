from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch_geometric.data import Data

from graphpoly.data import geometric_graph
from graphpoly.features import ball_radii
from graphpoly.testing import assert_close, graph_zoo
from tests.rewiring.graphs import edges


def ball(dim: int) -> float:
    return math.pi ** (dim / 2) / math.gamma(dim / 2 + 1)


def plainly(data: Data, dim: int, damping: float, volume: float) -> torch.Tensor:
    """Node by node, with a dense eigenvector."""
    size = data.num_nodes
    graph = nx.DiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from((u, v) for u, v in data.edge_index.T.tolist() if u != v)
    radius = torch.zeros(size, dtype=torch.float64)
    for nodes in map(sorted, nx.weakly_connected_components(graph)):
        part = graph.subgraph(nodes)
        degree = np.array([part.out_degree(v) for v in nodes], dtype=float)
        if not degree.any():
            continue
        visits = degree
        if any(not part.has_edge(v, u) for u, v in part.edges):
            walk = nx.to_numpy_array(part, nodelist=nodes)
            walk = np.where(
                degree[:, None] > 0, walk / np.maximum(degree, 1)[:, None], 1 / len(nodes)
            )
            walk = (1 - damping) * walk + damping / len(nodes)
            values, vectors = np.linalg.eig(walk.T)
            visits = vectors[:, np.abs(values - 1).argmin()].real
        share = visits / visits.sum() * len(nodes) / size
        s = (degree / (size**2 * share)) ** (1 / (dim + 2))
        held = sum(ball(dim) * r**dim / d for r, d in zip(s, degree, strict=True) if d)
        radius[nodes] = torch.from_numpy(s * (volume * len(nodes) / size / held) ** (1 / dim))
    return radius


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("name", list(graph_zoo()))
def test_the_formula_node_by_node(name: str, dim: int) -> None:
    data = graph_zoo()[name]
    found = ball_radii(data.edge_index, data.num_nodes, dim=dim, damping=0.05, volume=3.0)
    assert_close(found, plainly(data, dim, 0.05, 3.0), kind="accumulated")


def test_graphs_of_both_directions_in_closed_form() -> None:
    """Equal radii; the volumes at 1 / deg of the nodes add up to that of the component."""
    graph = nx.disjoint_union(nx.star_graph(3), nx.cycle_graph(5))
    found = ball_radii(edges(graph), 9, dim=2, volume=9.0)
    star = math.sqrt(4 / (math.pi * (1 / 3 + 3)))
    cycle = math.sqrt(5 / (math.pi * 5 / 2))
    assert_close(found, torch.tensor([star] * 4 + [cycle] * 5, dtype=torch.float64))


def test_radius_of_a_threshold_graph() -> None:
    """One radius for all nodes, near the one that has made the edges."""
    for dim, radius, most in ((1, 0.02, 0.05), (2, 0.08, 0.1), (3, 0.2, 0.2)):
        data = geometric_graph("cube", 3000, dim=dim, radius=radius, seed=1)
        found = ball_radii(data.edge_index, 3000, dim=dim)
        assert float(found.max() / found.min()) == pytest.approx(1, abs=1e-12)
        # nodes at the border have a part of a ball only, and so the radius is a little too small
        assert 1 - most < float(found.mean()) / radius < 1.01


@pytest.mark.parametrize(("shape", "dim", "error"), [("cube", 2, 0.15), ("cube", 3, 0.2)])
def test_radii_of_nearest_neighbours_in_the_bulk(shape: str, dim: int, error: float) -> None:
    data = geometric_graph(shape, 3000, dim=dim, neighbors=40, dtype=torch.float64)
    points = data.pos.numpy()
    true = torch.from_numpy(cKDTree(points).query(points, 41)[0][:, -1])
    found = ball_radii(data.edge_index, 3000, dim=dim)
    inside = (data.pos - 0.5).abs().amax(1) < 0.3
    ratio = (found / true)[inside]
    assert abs(float(ratio.median()) - 1) < error / 2
    assert float(ratio.std()) < error


def test_dense_and_sparse_regions_differ_as_they_do() -> None:
    """Normal points: radii grow tenfold from the middle outwards, and the estimates with them."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(3000, 2, generator=generator, dtype=torch.float64).numpy()
    far, near = cKDTree(points).query(points, 41)
    pairs = torch.stack(
        [torch.arange(3000).repeat_interleave(40), torch.from_numpy(near[:, 1:]).flatten()]
    )
    found, true = ball_radii(pairs, 3000).log(), torch.from_numpy(far[:, -1]).log()
    assert float(true.max() - true.min()) > math.log(10)
    slope = ((found - found.mean()) * (true - true.mean())).mean() / true.var(correction=0)
    assert float(torch.corrcoef(torch.stack([found, true]))[0, 1]) > 0.95
    assert float(slope) == pytest.approx(1, abs=0.15)


def test_numbers_units_and_what_is_left_out() -> None:
    data = geometric_graph("moons", 300, neighbors=6, seed=3)
    found = ball_radii(data.edge_index, 300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    assert_close(ball_radii(order[data.edge_index], 300)[order], found)
    assert_close(ball_radii(data.edge_index, 300, volume=8.0), 8**0.5 * found)
    assert_close(
        ball_radii(data.edge_index, 300, volume=8.0, dim=3),
        2 * ball_radii(data.edge_index, 300, dim=3),
    )
    loops = torch.arange(300).repeat(2, 1)
    more = torch.cat([data.edge_index, loops, data.edge_index], 1)
    assert torch.equal(ball_radii(more, 300), found)
    values = torch.rand(data.num_edges)
    adj_t = torch.sparse_coo_tensor(data.edge_index.flip(0), values, (300, 300))
    assert torch.equal(ball_radii(adj_t.to_sparse_csr()), found)
    assert ball_radii(torch.zeros(2, 0, dtype=torch.int64)).shape == (0,)


def test_bad_arguments_are_named() -> None:
    pairs = torch.tensor([[0, 1], [1, 2]])
    for dim in (0, 101):
        with pytest.raises(ValueError, match=f"dim: got {dim}"):
            ball_radii(pairs, dim=dim)
    for volume in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"volume: got {volume}"):
            ball_radii(pairs, volume=volume)
    with pytest.raises(ValueError, match="damping: got 2"):
        ball_radii(pairs, damping=2)
    assert ball_radii(pairs, dim=100).isfinite().all()
