"""The published attack moves rows by its budget, and a curve is read where it crosses a value."""

import pytest
import torch

from benchmarks import gcorn
from graphpoly.data import csbm


def test_noise_has_the_length_of_the_budget():
    x = torch.randn(50, 4000)
    moved = gcorn.noisy(x, 0.5, torch.Generator().manual_seed(0))
    length = (moved - x).norm(dim=1)
    assert float(length.mean()) == pytest.approx(0.5, rel=0.01)
    assert float(length.std()) < 0.02


def test_a_budget_is_read_between_two_points():
    steps = len(gcorn.BUDGETS)
    row = {"clean": [1.0, 1.0], "random": [[1 - 0.1 * (i + 1) for i in range(steps)]] * 2}
    assert gcorn.reached(row, 90.0) == pytest.approx(gcorn.BUDGETS[0])
    assert gcorn.reached(row, 85.0) == pytest.approx(sum(gcorn.BUDGETS[:2]) / 2)
    assert gcorn.reached(row, 100.0) == 0
    assert gcorn.reached(row, 101.0) is None
    assert gcorn.reached(row, 10.0) is None


def test_the_two_networks_differ_in_nothing_but_their_weights():
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    plain, ours = (gcorn.NETWORKS[name][0](12, 2).eval() for name in ("GCN", "GCORN"))
    with torch.no_grad():
        for conv, other in zip(plain.convs, ours.convs, strict=True):
            conv.lin.weight.copy_(other.lin.orthonormal_weight)
        plain.lin.load_state_dict(ours.lin.state_dict())
    assert torch.allclose(plain(data.x, data.edge_index), ours(data.x, data.edge_index), atol=1e-5)
