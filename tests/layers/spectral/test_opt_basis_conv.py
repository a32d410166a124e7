import networkx as nx
import pytest
import torch
from torch_geometric.utils import from_networkx

from graphpoly.data import image_filter_task, load_images
from graphpoly.layers import OptBasisConv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close

EDGES = from_networkx(nx.barabasi_albert_graph(60, 3, seed=0)).edge_index


def test_closed_form_coefficients_are_the_least_squares_optimum():
    """With an orthonormal basis the best coefficients are inner products: no training."""
    x = torch.rand(60, 3, dtype=torch.float64)
    adj = normalize(EDGES, num_nodes=60, dtype=torch.float64).to_dense()
    target = torch.linalg.matrix_exp(-2 * adj) @ x
    conv = OptBasisConv(3, 3, K=6, linear=False, bias=False).double()
    for mask in (None, torch.arange(60) % 3 > 0):
        loss = conv.fit(x, EDGES, target, mask=mask)
        nodes = slice(None) if mask is None else mask
        assert_close(loss, (conv(x, EDGES) - target)[nodes].square().sum(0).detach())
        for channel in range(3):
            krylov = [x[:, channel]]
            for _ in range(6):
                krylov.append(adj @ krylov[-1])
            powers, wanted = torch.stack(krylov, 1)[nodes], target[nodes, channel : channel + 1]
            best = torch.linalg.lstsq(powers, wanted, driver="gelsd").solution
            floor = (powers @ best - wanted).square().sum()
            assert_close(loss[channel], floor, kind="accumulated")


FLOORS = {
    "low": 0.000250,
    "high": 0.000250,
    "band": 0.015615,
    "rejection": 0.015615,
    "comb": 0.286710,
}


@pytest.mark.slow
def test_image_filters_reach_the_floor_of_their_degree_without_training(data_root):
    """The published pictures: no degree-10 filter can do better, and 1 - f is as hard as f."""
    data = load_images(data_root, dtype=torch.float64)
    conv = OptBasisConv(50, 50, K=10, linear=False, bias=False).double()
    loss = {}
    for name, floor in FLOORS.items():
        task = image_filter_task(data, name)
        conv.fit(task.x, task.edge_index, task.y, mask=task.mask)
        out = conv(task.x, task.edge_index)
        loss[name] = (out - task.y)[task.mask].square().sum(0).mean().item()
        assert loss[name] == pytest.approx(floor, abs=5e-7)
    assert loss["low"] == pytest.approx(loss["high"], rel=1e-9)
    assert loss["band"] == pytest.approx(loss["rejection"], rel=1e-9)


def test_evaluation_has_no_noise():
    conv = OptBasisConv(4, 4, K=5).eval()
    x = torch.randn(60, 4)
    x[:, 0] = 0
    assert torch.equal(conv(x, EDGES), conv(x, EDGES))
    assert torch.equal(conv(torch.zeros(60, 4), EDGES), torch.zeros(60, 4))


def test_scale_of_the_input_does_not_matter():
    conv = OptBasisConv(4, 4, K=5, linear=False).double()
    with torch.no_grad():
        conv.theta.normal_()
    x = torch.randn(60, 4, dtype=torch.float64)
    assert_close(conv(1e3 * x, EDGES), conv(x, EDGES))


def test_basis_needs_the_data():
    with pytest.raises(ValueError, match="depends on the data"):
        OptBasisConv(4, 4).response(torch.zeros(1))


def test_basis_is_orthonormal_for_the_spectral_measure_of_the_signal():
    conv = OptBasisConv(4, 3, K=8).double()
    x = torch.randn(60, 4, dtype=torch.float64)
    matrix = normalize(EDGES, num_nodes=60, dtype=torch.float64).to_dense()
    values, vectors = torch.linalg.eigh(matrix)
    basis = conv.basis(values, x, EDGES)
    mass = (vectors.T @ conv.lin(x)).square()
    gram = torch.einsum("jlc,lc,klc->cjk", basis, mass, basis)
    assert_close(gram, torch.eye(9, dtype=torch.float64).expand(3, -1, -1))


def test_a_shared_filter_has_no_closed_form():
    conv = OptBasisConv(4, 4, shared=True, linear=False)
    with pytest.raises(ValueError, match="shared=True"):
        conv.fit(torch.randn(60, 4), EDGES, torch.randn(60, 4))
