import pytest
import torch

from graphpoly.layers.sheaf import MAPS, SheafConv
from graphpoly.layers.sheaf.laplacian import inverse_root
from graphpoly.testing import assert_close
from tests.layers.sheaf.graphs import graph, weights

CONVS = {
    **{maps: {"maps": maps} for maps in MAPS},
    "reflections": {"maps": "cayley", "reflections": True},
    "strength": {"maps": "exponential", "edge_strength": True},
    "fixed": {"maps": "householder", "add_lp": True, "add_hp": True, "edge_strength": True},
    "general, fixed": {"maps": "general", "add_hp": True},
    "diagonal, fixed": {"maps": "diagonal", "add_lp": True},
    "identity, fixed": {"maps": "identity", "add_hp": True, "edge_strength": True},
}


def made(name, normalization="augmented", seed=0):
    torch.manual_seed(seed)
    options = CONVS[name]
    fixed = int(options.get("add_lp", False)) + int(options.get("add_hp", False))
    conv = SheafConv(6, 2 * (3 + fixed), stalk_dim=3, normalization=normalization, **options)
    return conv.double()


def by_hand(conv, x, edge_index, weight):
    """L block by block, from the restriction maps, in plain Python."""
    size, total = conv.stalk_dim, conv.total_dim
    num_nodes = x.size(0)
    whole = torch.zeros(num_nodes, total, num_nodes, total, dtype=torch.float64)
    if conv.maps == "identity":
        target = source = torch.eye(size, dtype=torch.float64).expand(edge_index.size(1), -1, -1)
    else:
        target, source = conv.restrictions(x, edge_index)
        if target.dim() == 2:
            target, source = torch.diag_embed(target), torch.diag_embed(source)
    strength = torch.ones(edge_index.size(1), dtype=torch.float64)
    if conv.edge_strength:
        flat = conv.stalks(x).flatten(1)
        for e, (u, v) in enumerate(edge_index.T.tolist()):
            a = conv.learner.weight[-1]
            there, back = torch.cat([flat[v], flat[u]]) @ a, torch.cat([flat[u], flat[v]]) @ a
            strength[e] = (there.sigmoid() * back.sigmoid()) ** 2
    signs = [1.0] * conv.add_lp + [-1.0] * conv.add_hp
    for e, (u, v) in enumerate(edge_index.T.tolist()):
        w = float(weight[e])
        learned = strength[e] * target[e].T
        whole[v, :size, v, :size] += w * learned @ target[e]
        whole[v, :size, u, :size] -= w * learned @ source[e]
        for k, sign in enumerate(signs, start=size):
            whole[v, k, v, k] += w
            whole[v, k, u, k] -= w * sign
    return whole.reshape(num_nodes * total, num_nodes * total)


@pytest.mark.parametrize("name", CONVS)
def test_equals_the_definition_block_by_block(name):
    x, edge_index = graph()
    weight = weights(edge_index)
    conv = made(name, None)
    laplacian = conv.laplacian(x, edge_index, weight)
    expected = by_hand(conv, x, edge_index, weight)
    assert_close(laplacian.to_dense(), expected, kind="accumulated")
    signal = torch.randn(10, conv.total_dim, 4, dtype=torch.float64)
    product = (expected @ signal.flatten(0, 1)).view_as(signal)
    assert_close(laplacian.matvec(signal), product, kind="accumulated")


@pytest.mark.parametrize("name", CONVS)
def test_normalised_operator_is_symmetric_with_eigenvalues_below_two(name):
    x, edge_index = graph(degree=8)
    conv = made(name)
    laplacian = conv.laplacian(x, edge_index)
    matrix = laplacian.to_dense()
    assert_close(matrix, matrix.T)
    values = laplacian.spectrum()
    assert values.min() > -1e-12
    assert values.max() < 2
    degree = torch.zeros(10, conv.total_dim, 10, conv.total_dim, dtype=torch.float64)
    plain = made(name, None).laplacian(x, edge_index).to_dense().view_as(degree)
    node = torch.arange(10)
    degree[node, :, node] = plain[node, :, node]
    degree = degree.view_as(matrix) + torch.eye(matrix.size(0), dtype=torch.float64)
    value, vector = torch.linalg.eigh(degree)
    root = vector / value.sqrt() @ vector.T
    assert_close(matrix, root @ plain.view_as(matrix) @ root, kind="accumulated")
    signal = torch.randn(10, conv.total_dim, 4, dtype=torch.float64)
    product = (matrix @ signal.flatten(0, 1)).view_as(signal)
    assert_close(laplacian.matvec(signal), product, kind="accumulated")


@pytest.mark.parametrize("maps", MAPS)
def test_dirichlet_energy_is_the_disagreement_over_edges(maps):
    x, edge_index = graph()
    weight = weights(edge_index)
    conv = made(maps, None)
    laplacian = conv.laplacian(x, edge_index, weight)
    signal = torch.randn(10, 3, 2, dtype=torch.float64)
    total = torch.zeros(2, dtype=torch.float64)
    one = torch.eye(3, dtype=torch.float64).expand(edge_index.size(1), 3, 3)
    target, source = (one, one) if maps == "identity" else conv.restrictions(x, edge_index)
    if target.dim() == 2:
        target, source = torch.diag_embed(target), torch.diag_embed(source)
    for e, (u, v) in enumerate(edge_index.T.tolist()):
        if u < v:
            gap = target[e] @ signal[v] - source[e] @ signal[u]
            total += weight[e] * gap.square().sum(0)
    assert_close(laplacian.dirichlet_energy(signal), total, kind="accumulated")


def test_trivial_sheaf_is_the_propagation_of_a_gcn():
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    x, edge_index = graph()
    directed = edge_index[:, ::3]
    loops = torch.cat([edge_index, torch.tensor([[2, 5], [2, 5]])], 1)
    for edges in (edge_index, directed, loops):
        laplacian = SheafConv(6, 1, stalk_dim=1, maps="identity").double().laplacian(x, edges)
        index, weight = gcn_norm(edges, None, 10, dtype=torch.float64)
        expected = torch.zeros(10, 10, dtype=torch.float64)
        expected.index_put_((index[1], index[0]), weight, accumulate=True)
        found = torch.eye(10, dtype=torch.float64) - laplacian.to_dense()
        assert (found - expected).abs().max() < 1e-12


def test_negative_weights_turn_a_map_over():
    x, edge_index = graph()
    weight = weights(edge_index)
    conv = made("householder", None)
    signal = torch.randn(10, 3, 1, dtype=torch.float64)
    positive = conv.laplacian(x, edge_index, weight)
    negative = conv.laplacian(x, edge_index, -weight)
    degree = sum(
        float(weight[e]) * signal[v].square().sum() for e, v in enumerate(edge_index[1].tolist())
    )
    both = positive.dirichlet_energy(signal) + negative.dirichlet_energy(signal)
    assert_close(both, 2 * degree.view(1), kind="accumulated")
    assert negative.spectrum().min() > -1e-10


def test_sym_normalisation_bounds_by_two_and_leaves_isolated_nodes_alone():
    x, edge_index = graph()
    for maps in ("identity", "diagonal", "cayley"):
        laplacian = made(maps, "sym").laplacian(x, edge_index)
        values = laplacian.spectrum()
        assert values.min() > -1e-12
        assert values.max() < 2 + 1e-12
        assert torch.equal(laplacian.to_dense()[27:], torch.zeros(3, 30).double())
    with pytest.raises(ValueError, match="general maps do not promise"):
        made("general", "sym")
    with pytest.raises(ValueError, match="augmented"):
        inverse_root(torch.ones(2), "augment")


def test_what_needs_symmetry_refuses_one_way_edges():
    x, edge_index = graph()
    laplacian = made("householder").laplacian(x, edge_index[:, 1:])
    with pytest.raises(ValueError, match="lacks its reverse"):
        laplacian.spectrum()
    with pytest.raises(ValueError, match="lacks its reverse"):
        laplacian.dirichlet_energy(torch.ones(10, 3, 1, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"expected \[10, 3, F\]"):
        laplacian.matvec(torch.ones(10, 2, 1))
