from __future__ import annotations

import itertools
import math

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from graphpoly.data import geometric_graph
from graphpoly.features import HiddenFeatures, ball_radii, classical_mds, procrustes_distance
from graphpoly.testing import assert_close, graph_zoo
from tests.rewiring.graphs import edges

UNIQUE = ("stochastic_block", "isolated_nodes", "directed", "path", "barabasi_albert")


def wide(data: Data, transform: HiddenFeatures) -> torch.Tensor:
    """The coordinates in float64."""
    held = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return transform(data)[transform.attr_name]
    finally:
        torch.set_default_dtype(held)


def undirected(graph: nx.Graph) -> Data:
    return Data(edge_index=edges(graph), num_nodes=len(graph))


def test_path_and_cycle_in_closed_form() -> None:
    """Equal steps on a line of length 7; an odd cycle lies on a circle in the plane."""
    found = wide(undirected(nx.path_graph(7)), HiddenFeatures(1, volume=7.0)).flatten()
    step = 7 / (2 * (2 / 1 + 5 / 2))  # a node has 2 s / deg to itself
    line = step * (torch.arange(7.0, dtype=torch.float64) - 3)
    assert_close(found * found[-1].sign(), line)
    size, around = 9, wide(undirected(nx.cycle_graph(9)), HiddenFeatures(2))
    step = math.sqrt(1 / (math.pi * 9 / 2))
    distance = torch.tensor([min(k, size - k) for k in range(size)], dtype=torch.float64) * step
    # eigenvalue of the first wave of the circulant matrix
    wave = torch.cos(2 * math.pi * torch.arange(size, dtype=torch.float64) / size)
    value = -(distance.square() * wave).sum() / 2
    assert_close(around.norm(dim=1), (2 * value / size).sqrt().expand(size))
    assert_close((around * around.roll(1, 0)).sum(1), 2 * value / size * wave[1].expand(size))


@pytest.mark.parametrize("name", list(graph_zoo()))
def test_steps_one_by_one(name: str) -> None:
    """Distances by networkx, each edge both ways and as long as the smaller radius of its ends."""
    data = graph_zoo()[name]
    radius = ball_radii(data.edge_index, data.num_nodes, dim=2)
    graph = nx.Graph()
    graph.add_nodes_from(range(data.num_nodes))
    for u, v in data.edge_index.T.tolist():
        if u != v:
            seen = graph.edges[u, v]["s"] if graph.has_edge(u, v) else math.inf
            graph.add_edge(u, v, s=min(seen, float(radius[u])))
    found = wide(data, HiddenFeatures(2))
    for nodes in map(sorted, nx.connected_components(graph)):
        lengths = dict(nx.all_pairs_dijkstra_path_length(graph.subgraph(nodes), weight="s"))
        distance = [[lengths[u][v] for v in nodes] for u in nodes]
        place = classical_mds(torch.tensor(distance, dtype=torch.float64), 2)
        if name in UNIQUE:  # else eigenvalues are equal, and coordinates are a choice
            assert float(procrustes_distance(found[nodes], place)) < 1e-20
        assert_close(found[nodes].square().sum(), place.square().sum(), kind="accumulated")
        assert_close(found[nodes].mean(0), torch.zeros(2))


def test_the_numbering_does_not_matter() -> None:
    for seed, options in enumerate(({"neighbors": 6}, {"radius": 0.15})):
        data = geometric_graph("cube", 300, **options, seed=seed)
        order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
        moved = Data(edge_index=order[data.edge_index], num_nodes=300)
        one, other = (wide(each, HiddenFeatures(2)) for each in (data, moved))
        assert float(procrustes_distance(other[order], one)) < 1e-20


def test_recovery_gets_better_with_the_number_of_points() -> None:
    """Of a square of volume 1, with its unit of length, from nothing but edges."""
    errors = []
    for size in (200, 800, 3200):
        data = geometric_graph("cube", size, seed=1, dtype=torch.float64)
        bare = Data(edge_index=data.edge_index, num_nodes=size)
        found = wide(bare, HiddenFeatures(2, landmarks=200))
        errors.append(float(procrustes_distance(found, data.pos)))
    assert errors[0] < 1 / 6 / 20  # the variance of the square is 1 / 6
    assert all(after < before / 2 for before, after in itertools.pairwise(errors))
    assert errors[-1] < 2e-4


@pytest.mark.parametrize(
    ("shape", "dim", "radius", "error"),
    [("moons", 2, None, 0.02), ("ball", 3, None, 0.03), ("cube", 2, 0.1, 0.01)],
)
def test_other_shapes_and_dimensions(
    shape: str, dim: int, radius: float | None, error: float
) -> None:
    data = geometric_graph(shape, 1500, dim=dim, radius=radius, seed=1, dtype=torch.float64)
    found = wide(Data(edge_index=data.edge_index, num_nodes=1500), HiddenFeatures(dim))
    spread = data.pos.var(0, correction=0).sum()
    assert float(procrustes_distance(found, data.pos, scale=True) / spread) < error


def test_a_bent_set_comes_out_straight() -> None:
    """The first coordinate of a letter S is the way along it, with the bends cut short."""
    data = geometric_graph("s", 1500, radius=0.15, seed=1, dtype=torch.float64)
    found = wide(data, HiddenFeatures(2, volume=1.5 * math.pi * (1.2**2 - 0.8**2)))[:, 0]
    x, y = (data.pos * (1 - 2 * data.y).unsqueeze(1)).T
    way = (-math.pi / 2 - torch.atan2(y - 1, x)).remainder(2 * math.pi) * (1 - 2 * data.y)
    assert float(torch.corrcoef(torch.stack([found, way]))[0, 1].abs()) > 0.998
    assert 0.8 * 3 * math.pi < float(found.max() - found.min()) < 3 * math.pi


def test_few_landmarks_and_the_nearest_one() -> None:
    data = geometric_graph("cube", 1000, seed=2, dtype=torch.float64)
    full = wide(data, HiddenFeatures(2, landmarks=1000))
    some = wide(data, HiddenFeatures(2, landmarks=30))
    copied = wide(data, HiddenFeatures(2, landmarks=30, extension="nearest"))
    assert len(copied.unique(dim=0)) == 30
    assert float(procrustes_distance(some, full)) < 5e-4
    errors = [float(procrustes_distance(each, data.pos)) for each in (full, some, copied)]
    assert errors[0] < errors[1] < errors[2] / 3
    other = wide(data, HiddenFeatures(2, landmarks=30, seed=1))
    assert not torch.equal(other, some)
    assert float(procrustes_distance(other, some)) < 1e-3


def test_components_are_graphs_of_their_own() -> None:
    one = geometric_graph("cube", 90, neighbors=5, seed=1)
    two = geometric_graph("ball", 60, neighbors=5, seed=2)
    pairs = torch.cat([one.edge_index + 1, two.edge_index + 91], 1)
    found = wide(Data(edge_index=pairs, num_nodes=152), HiddenFeatures(2))
    assert (found[[0, 151]] == 0).all()
    for data, first, size in ((one, 1, 90), (two, 91, 60)):
        alone = wide(data, HiddenFeatures(2, volume=size / 152))
        assert float(procrustes_distance(found[first : first + size], alone)) < 1e-20
        assert_close(found[first : first + size].mean(0), torch.zeros(2))


def test_graphs_with_nothing_to_recover() -> None:
    none = torch.zeros(2, 0, dtype=torch.int64)
    for size in (0, 1, 4):
        data = HiddenFeatures(3)(Data(edge_index=none, num_nodes=size))
        assert data.hidden.tolist() == [[0.0] * 3] * size
    edge = HiddenFeatures(3, volume=2.0)(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2))
    assert (edge.hidden[:, 1:] == 0).all()
    assert edge.hidden[0, 0] == -edge.hidden[1, 0] != 0


def test_a_batch_other_forms_and_types() -> None:
    graphs = [geometric_graph("moons", n, neighbors=4, seed=n) for n in (40, 25, 60)]
    batch = Batch.from_data_list(graphs)
    whole = HiddenFeatures(2, landmarks=20)(batch)
    joined = torch.cat([HiddenFeatures(2, landmarks=20)(data).hidden for data in graphs])
    assert torch.equal(whole.hidden, joined)
    assert "hidden" not in batch
    data = graphs[0]
    ones = torch.ones(data.num_edges)
    adj_t = torch.sparse_coo_tensor(data.edge_index.flip(0), ones, (40, 40)).to_sparse_csr()
    made = HiddenFeatures(attr_name="place")(Data(adj_t=adj_t, num_nodes=40))
    assert torch.equal(made.place, HiddenFeatures()(data).hidden)
    assert made.place.dtype == torch.float32


def test_repr_names_every_argument() -> None:
    """PyG keys what it stores on disk by it."""
    text = (
        "HiddenFeatures(3, landmarks=7, extension='nearest', damping=0.01, volume=2.0, seed=5, "
        "attr_name='z')"
    )
    made = HiddenFeatures(
        3, landmarks=7, extension="nearest", damping=0.01, volume=2.0, seed=5, attr_name="z"
    )
    assert repr(made) == text
    assert repr(eval(text)) == text


def test_refusals() -> None:
    with pytest.raises(TypeError, match="HiddenFeatures: got HeteroData"):
        HiddenFeatures()(HeteroData())
    for name, value in (("dim", 0), ("landmarks", 0), ("damping", 0), ("volume", -1.0)):
        with pytest.raises(ValueError, match=f"{name}: got {value}"):
            HiddenFeatures(**{name: value})
    with pytest.raises(ValueError, match="unknown extension 'nystrøm'"):
        HiddenFeatures(extension="nystrøm")
    with pytest.raises(ValueError, match="HiddenFeatures: got no edges"):
        HiddenFeatures()(Data(x=torch.zeros(3, 1)))
    with pytest.raises(ValueError, match="edge_index"):
        HiddenFeatures()(Data(edge_index=torch.tensor([[0], [5]]), num_nodes=3))
