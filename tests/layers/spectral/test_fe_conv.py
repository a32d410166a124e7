import pytest
import torch
import torch.nn.functional as F

from graphpoly.layers import FEConv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close, graph_zoo


def hops(data, x, order, loops=False):
    """The expansion without structure, from the definition."""
    adj = normalize(
        data.edge_index, data.edge_weight, data.num_nodes, add_self_loops=loops, dtype=x.dtype
    ).to_dense()
    blocks = [F.normalize(x, dim=1)]
    for _ in range(order):
        blocks.append(adj @ blocks[-1])
    return torch.cat([F.normalize(block, dim=0) for block in blocks], 1)


@pytest.mark.parametrize("loops", [False, True])
def test_equals_the_definition(loops):
    zoo = graph_zoo(weighted=True, num_features=3, dtype=torch.float64)
    for name, data in zoo.items():
        conv = FEConv(3, 4, K=3, add_self_loops=loops).double()
        expected = conv.lin(hops(data, data.x, 3, loops))
        assert_close(conv(data.x, data.edge_index, data.edge_weight), expected, what=name)


def test_tied_matrices_are_a_filter_in_powers():
    """W_k = theta_k times what undoes the scaling of columns: sum_k theta_k P^k X W."""
    data = graph_zoo(names=["grid"], weighted=True, dtype=torch.float64)["grid"]
    x = F.normalize(torch.randn(12, 3, dtype=torch.float64), dim=1)
    conv = FEConv(3, 2, K=2, bias=False).double()
    theta, weight = torch.randn(3, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    adj = normalize(data.edge_index, data.edge_weight, 12).to_dense()
    powers = [x, adj @ x, adj @ adj @ x]
    tied = [t * p.norm(dim=0).unsqueeze(1) * weight for t, p in zip(theta, powers, strict=True)]
    with torch.no_grad():
        conv.lin.weight.copy_(torch.cat(tied).T)
    expected = sum(t * p for t, p in zip(theta, powers, strict=True)) @ weight
    assert_close(conv(x, data.edge_index, data.edge_weight), expected)


def test_response_is_that_of_each_pair_of_channels():
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        if not data.is_undirected():
            continue
        conv = FEConv(3, 2, K=3, add_self_loops=True, bias=False).double()
        given = (data.x, data.edge_index, data.edge_weight)
        adj = normalize(*given[1:], data.num_nodes, add_self_loops=True).to_dense()
        values, vectors = torch.linalg.eigh(adj)
        signal = vectors.T @ F.normalize(data.x, dim=1)
        response = conv.response(values, *given)
        expected = vectors @ torch.einsum("lf,lfc->lc", signal, response)
        assert_close(conv(*given), expected, what=name)
    with pytest.raises(ValueError, match="FEConv: the basis depends on the data"):
        conv.response(values)


def test_structure_spans_the_leading_singular_vectors_of_the_bare_adjacency():
    data = graph_zoo(names=["stochastic_block"], weighted=True)["stochastic_block"]
    conv = FEConv(2, 2, K=1, rank=18).double()
    x = torch.randn(18, 2, dtype=torch.float64)
    features = conv.expand(x, data.edge_index, data.edge_weight)
    structure = features[:, 4:]
    bare = F.normalize(
        normalize(data.edge_index, None, 18, normalization=None, dtype=torch.float64).to_dense()
    )
    assert_close(structure @ (structure.T @ bare), bare)
    assert_close(features[:, :4], conv.expand(x, data.edge_index, data.edge_weight)[:, :4])
    other = conv.expand(x, data.edge_index, 3 * data.edge_weight + 1)
    assert torch.equal(other[:, 4:], structure)  # weights have no say in it


def test_columns_have_length_one_or_are_zero():
    for name, data in graph_zoo(num_features=3, dtype=torch.float64).items():
        conv = FEConv(3, 2, K=2, rank=3).double()
        norms = conv.expand(data.x, data.edge_index).norm(dim=0)
        assert ((norms - 1).abs() < 1e-12).logical_or(norms == 0).all(), name


def test_flattening_raises_the_rank():
    data = graph_zoo(names=["erdos_renyi"])["erdos_renyi"]
    x = torch.randn(16, 2, dtype=torch.float64)
    ranks = [
        int(torch.linalg.matrix_rank(FEConv(2, 2, K=k, rank=q).expand(x, data.edge_index)))
        for k, q in [(0, 0), (1, 0), (3, 0), (3, 4)]
    ]
    assert ranks == [2, 4, 8, 12]


def test_cached_features_are_kept_without_history_and_dropped():
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    conv = FEConv(3, 2, K=2, rank=2, cached=True)
    plain = FEConv(3, 2, K=2, rank=2)
    plain.load_state_dict(conv.state_dict())
    expected = plain(data.x, data.edge_index)
    x = data.x.clone().requires_grad_()
    for _ in range(2):
        conv(x, data.edge_index).sum().backward()
    assert torch.equal(conv(torch.zeros(12, 3), data.edge_index), expected)
    conv.reset_parameters()
    assert conv._cached_features is None


def test_same_structure_in_every_process_and_under_every_seed_of_torch():
    data = graph_zoo(names=["grid"])["grid"]
    x = torch.ones(12, 1)
    torch.manual_seed(1)
    first = FEConv(1, 1, K=0, rank=2).expand(x, data.edge_index)
    torch.manual_seed(2)
    assert torch.equal(FEConv(1, 1, K=0, rank=2).expand(x, data.edge_index), first)


def test_plot_shows_a_curve_for_each_pair():
    pytest.importorskip("matplotlib").use("agg")
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    conv = FEConv(3, 2, K=2, rank=1)
    ax = conv.plot_response(num_points=5, x=data.x, edge_index=data.edge_index)
    assert len(ax.lines) == 6
    response = conv.response(torch.linspace(-1, 1, 5), data.x, data.edge_index).detach()
    assert_close(torch.as_tensor(ax.lines[3].get_ydata()), response[:, 1, 1])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="rank: got -1"):
        FEConv(2, 2, rank=-1)
    assert repr(FEConv(2, 2, rank=3, bias=False)) == "FEConv(2, 2, K=3, rank=3, bias=False)"
