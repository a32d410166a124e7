from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.features import classical_mds, procrustes_distance
from graphpoly.testing import assert_close


def cloud(size: int, dim: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    axes = torch.arange(1.0, dim + 1, dtype=torch.float64)
    return axes * torch.randn(size, dim, generator=generator, dtype=torch.float64)


def between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a[:, None] - b).norm(dim=2)


@pytest.mark.parametrize("count", [8, 40])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_exact_distances_give_the_points_back(dim: int, count: int) -> None:
    z = cloud(40, dim)
    landmarks = torch.randperm(40, generator=torch.Generator().manual_seed(1))[:count]
    found = classical_mds(between(z[landmarks], z), dim, landmarks)
    assert float(procrustes_distance(found, z)) < 1e-20
    # around the landmarks, along their axes, the widest first
    own = found[landmarks]
    assert_close(own.mean(0), torch.zeros(dim))
    spread = own.T @ own
    assert_close(spread, torch.diag(spread.diagonal().sort(descending=True)[0]), kind="accumulated")
    largest = own.gather(0, own.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


def test_axes_that_are_not_needed_are_zero() -> None:
    z = cloud(12, 2)
    found = classical_mds(between(z, z), 5)
    assert float(procrustes_distance(found[:, :2], z)) < 1e-20
    assert (found[:, 2:] == 0).all()
    two = torch.tensor([3, 7])
    found = classical_mds(between(z[two], z), 4, two)
    assert_close((found[3] - found[7]).norm(), (z[3] - z[7]).norm())
    assert (found[:, 1:] == 0).all()
    assert classical_mds(torch.zeros(1, 3), 2, torch.tensor([1])).tolist() == [[0, 0]] * 3
    assert (classical_mds(torch.zeros(3, 3), 2) == 0).all()
    assert classical_mds(torch.zeros(0, 0), 2).shape == (0, 2)


@pytest.mark.parametrize("graph", [nx.cycle_graph(9), nx.petersen_graph(), nx.star_graph(5)])
def test_other_distances_by_the_dense_formula(graph: nx.Graph) -> None:
    """What has negative eigenvalues: the nearest Gram matrix of the rank, if it is one alone."""
    distance = np.asarray(nx.floyd_warshall_numpy(graph))
    size = len(distance)
    centre = np.eye(size) - np.full((size, size), 1 / size)
    value, vector = np.linalg.eigh(-centre @ distance**2 @ centre / 2)
    for dim in range(1, size + 1):
        gap = dim == size or value[-dim] - value[-dim - 1] > 1e-9
        if not gap:
            continue
        top = np.clip(value[-dim:], 0, None)
        gram = torch.from_numpy((vector[:, -dim:] * top) @ vector[:, -dim:].T)
        found = classical_mds(torch.from_numpy(distance), dim)
        assert_close(found @ found.T, gram)


def test_the_nearest_landmark() -> None:
    z = cloud(30, 2, 3)
    landmarks = torch.tensor([4, 0, 19, 11, 8])
    distance = between(z[landmarks], z)
    found = classical_mds(distance, 2, landmarks, extension="nearest")
    own = classical_mds(between(z[landmarks], z[landmarks]), 2)
    for v in range(30):
        near = min(range(5), key=lambda at: float(distance[at, v]))
        assert_close(found[v], own[near])


def test_refusals() -> None:
    square = torch.ones(3, 3)
    with pytest.raises(ValueError, match="did you mean 'nystrom'"):
        classical_mds(square, 2, extension="nystroem")
    with pytest.raises(ValueError, match="dim: got 0"):
        classical_mds(square, 0)
    with pytest.raises(ValueError, match=r"distance: got shape \[3, 3\] for 2 landmarks"):
        classical_mds(square, 1, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"distance: got shape \[2, 3\] for 3 landmarks"):
        classical_mds(square[:2], 1)
    for wrong in (-1.0, torch.inf, torch.nan):
        with pytest.raises(ValueError, match="distance: got a negative one or one that is not"):
            classical_mds(wrong * square, 1)
