"""Contextual stochastic block model: two communities, seen through edges and through features."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu

__all__ = ["csbm"]


@on_cpu()
def csbm(
    num_nodes: int = 5000,
    avg_degree: float = 5.0,
    num_features: int = 2000,
    *,
    phi: float,
    epsilon: float = 3.25,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Data:
    r"""Sample a graph whose classes show in its features, in its edges, or in both.

    With :math:`v_i = \pm 1` the class of node :math:`i`, :math:`\gamma = n / p` and hidden
    :math:`u \sim N(0, I_p / p)`, Deshpande et al. draw

    .. math::
        x_i = \sqrt{\mu / n}\, v_i u + z_i / \sqrt{p}, \qquad
        P(i \sim j) = \frac{d + \sqrt{d}\, \lambda\, v_i v_j}{n}

    and show that the classes can be told apart exactly when
    :math:`\lambda^2 + \mu^2 / \gamma > 1`. Chien et al. walk along that ellipse, at a distance
    ``epsilon`` outside of it: :math:`\lambda = \sqrt{1 + \epsilon} \sin(\pi \phi / 2)` and
    :math:`\mu = \sqrt{\gamma (1 + \epsilon)} \cos(\pi \phi / 2)`. So ``phi=0`` puts everything
    into the features, ``phi=1`` into homophilous and ``phi=-1`` into heterophilous edges.

    Args:
        num_nodes: Number of nodes :math:`n`; the classes 0 and 1 differ by at most one node.
        avg_degree: Expected degree :math:`d`.
        num_features: Number of features :math:`p`.
        phi: Position on the ellipse, from -1 to 1.
        epsilon: Excess signal; the default is that of the published experiments.
        seed: Seed of everything that is drawn.
        dtype: Type of the features.

    Returns:
        ``x`` [n, p], ``edge_index`` [2, E] (undirected, sorted, no self-loop), ``y`` [n], and the
        numbers ``lam`` and ``mu`` of the construction.

    Raises:
        ValueError: If a parameter is out of range, or an edge probability leaves [0, 1].

    Notes:
        Expected time and memory are O(n p + E log E): the number of edges inside and between the
        classes is drawn first, then that many distinct pairs. Expected edge homophily is
        :math:`(1 + \lambda / \sqrt{d}) / 2` for large n.

    References:
        Deshpande, Sen, Montanari, Mossel, Contextual Stochastic Block Models, NeurIPS 2018,
        arXiv:1807.09596. Chien, Peng, Li, Milenkovic, Adaptive Universal Generalized PageRank
        Graph Neural Network, ICLR 2021, arXiv:2006.07988.

    Example:
        >>> data = csbm(100, 6.0, 20, phi=0.5, epsilon=1.0, seed=1)
        >>> data.x.shape, data.y.bincount().tolist(), data.is_undirected()
        (torch.Size([100, 20]), [50, 50], True)
    """
    if num_nodes < 2 or num_features < 1:
        raise ValueError(
            f"needs num_nodes >= 2 and num_features >= 1, got {num_nodes} and {num_features}"
        )
    if not -1.0 <= phi <= 1.0:
        raise ValueError(f"phi must be in [-1, 1], got {phi}")
    if epsilon < -1.0 or avg_degree < 0.0:
        raise ValueError(f"needs epsilon >= -1 and avg_degree >= 0, got {epsilon} and {avg_degree}")
    scale = math.sqrt(1.0 + epsilon)
    lam = scale * math.sin(0.5 * math.pi * phi)
    # cos(pi/2) is 6e-17 in floating point; at the ends the features must carry nothing at all
    cosine = 0.0 if abs(phi) == 1.0 else math.cos(0.5 * math.pi * phi)
    mu = math.sqrt(num_nodes / num_features) * scale * cosine
    same = (avg_degree + math.sqrt(avg_degree) * lam) / num_nodes
    different = (avg_degree - math.sqrt(avg_degree) * lam) / num_nodes
    if not (0.0 <= same <= 1.0 and 0.0 <= different <= 1.0):
        raise ValueError(
            f"avg_degree={avg_degree}, epsilon={epsilon}, phi={phi} give edge probabilities "
            f"{same:.4g} and {different:.4g}; they must be in [0, 1], "
            "which needs (1 + epsilon) sin(pi phi / 2)^2 <= avg_degree"
        )

    generator = torch.Generator().manual_seed(seed)
    half = num_nodes // 2
    y = torch.zeros(num_nodes, dtype=torch.long)
    y[half:] = 1
    edges = [
        _pairs_within(half, same, generator),
        _pairs_within(num_nodes - half, same, generator) + half,
        _pairs_between(half, num_nodes - half, different, generator),
    ]
    low, high = torch.cat(edges, dim=1)
    source, target = torch.cat([low, high]), torch.cat([high, low])
    edge_index = torch.stack([source, target])[:, (source * num_nodes + target).argsort()]

    sign = (2.0 * y.to(dtype) - 1.0).unsqueeze(1)
    hidden = torch.randn(num_features, generator=generator, dtype=dtype) / math.sqrt(num_features)
    noise = torch.randn(num_nodes, num_features, generator=generator, dtype=dtype)
    x = math.sqrt(mu / num_nodes) * sign * hidden + noise / math.sqrt(num_features)
    return Data(x=x, edge_index=edge_index.contiguous(), y=y, lam=lam, mu=mu)


def _pairs_within(size: int, probability: float, generator: torch.Generator) -> Tensor:
    """Draw pairs i < j below ``size``, each with ``probability``: [2, count]."""
    rank = _sample_ranks(size * (size - 1) // 2, probability, generator)
    # pair (i, j) has rank j (j - 1) / 2 + i; the root may be off by one where rank > 2^50
    high = ((1.0 + (8.0 * rank.double() + 1.0).sqrt()) / 2.0).long()
    high = high - (high * (high - 1) // 2 > rank).long()
    high = high + (high * (high + 1) // 2 <= rank).long()
    return torch.stack([rank - high * (high - 1) // 2, high])


def _pairs_between(
    first: int, second: int, probability: float, generator: torch.Generator
) -> Tensor:
    """Draw pairs of a node below ``first`` and one of the ``second`` after it: [2, count]."""
    rank = _sample_ranks(first * second, probability, generator)
    return torch.stack([rank // second, first + rank % second])


def _sample_ranks(population: int, probability: float, generator: torch.Generator) -> Tensor:
    """Keep each of ``population`` ranks with ``probability``: sorted distinct int64 ranks."""
    if population == 0:
        return torch.empty(0, dtype=torch.long)
    trials = torch.tensor(float(population), dtype=torch.float64)
    chance = torch.tensor(probability, dtype=torch.float64)
    count = int(torch.binomial(trials, chance, generator=generator))
    if 4 * count > population:
        return torch.randperm(population, generator=generator)[:count].sort().values
    # Drawing until enough are distinct favours no subset: the procedure does not know the names
    # of the ranks. Each round halves what is missing at the very least, as count <= population/4.
    ranks = torch.empty(0, dtype=torch.long)
    while ranks.numel() < count:
        missing = count - ranks.numel()
        drawn = torch.randint(population, (missing,), generator=generator)
        ranks = torch.cat([ranks, drawn]).unique()
    return ranks
