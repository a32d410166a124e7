from __future__ import annotations

import math

import pytest
import torch

from graphpoly.ops import CSR, normalize, spectral_density
from graphpoly.testing import graph_zoo

EDGES = torch.linspace(-1, 1, 41, dtype=torch.float64)


def smeared(values: torch.Tensor, K: int) -> torch.Tensor:
    """The damped series of exactly known eigenvalues, integrated numerically."""
    k = torch.arange(K + 1, dtype=torch.float64)
    moments = torch.cos(k[:, None] * values.clamp(-1, 1).arccos()).mean(1)
    size = K + 2
    damping = (
        (size - k) * torch.cos(torch.pi * k / size)
        + torch.sin(torch.pi * k / size) / math.tan(torch.pi / size)
    ) / size
    fine = torch.linspace(math.pi, 0, 40 * 400 + 1, dtype=torch.float64)
    terms = damping * moments * torch.where(k == 0, 1.0, 2.0)
    density = (torch.cos(k * fine[:, None]) * terms).sum(1) / math.pi
    assert density.min() > -1e-12
    steps = (density[1:] + density[:-1]) / 2 * (fine[0] - fine[1])
    centres = torch.cos((fine[1:] + fine[:-1]) / 2)
    place = torch.bucketize(centres, EDGES).clamp(1, 40) - 1
    return torch.zeros(40, dtype=torch.float64).index_add(0, place, steps)


@pytest.mark.parametrize("name", ["grid", "stochastic_block", "star"])
def test_exact_trace_gives_the_smeared_histogram(name: str) -> None:
    data = graph_zoo(names=[name])[name]
    adj = normalize(data.edge_index, num_nodes=data.num_nodes, dtype=torch.float64)
    size = data.num_nodes
    found = spectral_density(
        adj, EDGES, K=30, vectors=torch.eye(size, dtype=torch.float64) * math.sqrt(size)
    )
    values = torch.linalg.eigvalsh(adj.to_dense())
    # the midpoint rule puts one point of 16 000 on the wrong side of a bound at most
    assert (found - smeared(values, 30)).abs().max() < 2e-3
    assert found.sum().item() == pytest.approx(1, abs=1e-12)


def test_random_vectors_come_close() -> None:
    data = graph_zoo(names=["stochastic_block"])["stochastic_block"]
    adj = normalize(data.edge_index, num_nodes=data.num_nodes, dtype=torch.float64)
    values = torch.linalg.eigvalsh(adj.to_dense())
    found = spectral_density(adj, torch.tensor([-1.0, 0.0, 1.0]), K=400, num_vectors=400)
    assert found[1].item() == pytest.approx((values > 0).double().mean().item(), abs=0.05)
    again = spectral_density(adj, torch.tensor([-1.0, 0.0, 1.0]), K=400, num_vectors=400)
    assert torch.equal(found, again)


def test_an_eigenvector_gives_one_peak() -> None:
    data = graph_zoo(names=["grid"])["grid"]
    adj = normalize(data.edge_index, num_nodes=data.num_nodes, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(adj.to_dense())
    signal = vectors[:, 3:4] * math.sqrt(data.num_nodes)
    density = spectral_density(adj, EDGES, K=400, vectors=signal)
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    assert (centres[density.argmax()] - values[3]).abs() < 0.05
    assert density[(centres - values[3]).abs() < 0.1].sum() > 0.99


def test_bad_arguments_are_named() -> None:
    wide = CSR(torch.tensor([0, 0]), torch.tensor([], dtype=torch.long), None, None, 3, None)
    with pytest.raises(ValueError, match="a square operator"):
        spectral_density(wide, EDGES)
    square = wide._replace(num_cols=1)
    with pytest.raises(ValueError, match="edges: expected"):
        spectral_density(square, torch.tensor([-2.0, 1.0]))
    assert spectral_density(square, torch.tensor([-1.0, -0.1, 0.1, 1.0]), K=300)[1] > 0.9
