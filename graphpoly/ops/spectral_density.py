r"""The density of a spectrum by the kernel polynomial method: no eigendecomposition.

The Chebyshev moments of the density of eigenvalues, :math:`\mu_k = \mathrm{tr}\, T_k(A) / N`, are
estimated with random signs z, for which :math:`E\, z^\top T_k(A)\, z = \mathrm{tr}\, T_k(A)`; one
fused run of ``polynomial_moments`` gives them all. The series is damped by Jackson's kernel, so
that it stays non-negative and free of Gibbs' waves (Weisse, Wellein, Alvermann, Fehske. The kernel
polynomial method. Reviews of Modern Physics 78, 2006).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.entry import INT64_MAX, affordable, as_size, check_held, check_values

__all__ = ["spectral_density"]


def spectral_density(
    adj: CSR,
    edges: Tensor,
    *,
    K: int = 200,
    num_vectors: int = 32,
    seed: int = 0,
    vectors: Tensor | None = None,
) -> Tensor:
    r"""Return the share of the eigenvalues of a symmetric operator in each of several bins.

    Args:
        adj: Symmetric operator with its spectrum in [-1, 1], such as a normalised adjacency.
        edges: Bounds of the bins in [-1, 1], ascending, ``[B+1]``.
        K: Order of the series; an eigenvalue is smeared over about :math:`\pi / K`.
        num_vectors: Random vectors R; the moments' errors shrink with :math:`1 / \sqrt{N R}`.
        seed: Of the vectors.
        vectors: Vectors to use instead, ``[N, R]``, each weighted alike. The columns of an
            orthogonal matrix times :math:`\sqrt N` make the trace exact; a signal scaled to that
            length gives the density of its energy instead.

    Returns:
        ``[B]``, float64; sums to 1 over bins that cover [-1, 1], up to rounding.

    Raises:
        ValueError: If the operator is not square, or a bound lies outside [-1, 1].

    Complexity: K products with R vectors, O(K E R) time; O(N R) memory.

    >>> from graphpoly.ops import normalize
    >>> ring = torch.arange(1000)
    >>> steps = torch.stack([ring, ring.roll(1)])
    >>> adj = normalize(torch.cat([steps, steps.flip(0)], dim=1))
    >>> spectral_density(adj, torch.tensor([-1.0, -0.5, 0.5, 1.0])).round(decimals=1)
    tensor([0.3000, 0.3000, 0.3000], dtype=torch.float64)
    """
    num_nodes = adj.num_rows
    if adj.num_cols != num_nodes:
        raise ValueError(f"adj: got {num_nodes} x {adj.num_cols}, a square operator is needed")
    check_held("edges", edges)
    seed = as_size("seed", seed, least=-INT64_MAX)
    check_values("edges", edges, None)
    if edges.dim() != 1 or not bool(((edges >= -1) & (edges <= 1)).all()):
        raise ValueError("edges: expected one dimension of bounds in [-1, 1]")
    K = as_size("K", K, most=2**24)
    num_vectors = as_size("num_vectors", num_vectors, least=1, most=2**31)
    device = adj.rowptr.device
    if vectors is not None and (vectors.dim() != 2 or vectors.size(0) != num_nodes):
        raise ValueError(f"vectors: got shape {tuple(vectors.shape)}, expected [{num_nodes}, R]")
    what = f"K, num_vectors: got {K} and {num_vectors}"
    return affordable(what, _density, adj, edges, K, num_vectors, seed, vectors, device)


def _density(
    adj: CSR,
    edges: Tensor,
    K: int,
    num_vectors: int,
    seed: int,
    vectors: Tensor | None,
    device: torch.device,
) -> Tensor:
    num_nodes = adj.num_rows
    if vectors is None:
        generator = torch.Generator("cpu").manual_seed(seed)
        signs = torch.randint(0, 2, (num_nodes, num_vectors), generator=generator, device="cpu")
        vectors = (2 * signs - 1).to(device)
    vectors = vectors.to(torch.float64)
    moments = _moments(adj, vectors, K).mean(1) / max(num_nodes, 1)
    angles = edges.to(device, torch.float64).arccos()
    order = torch.arange(1, K + 1, device=device, dtype=torch.float64)
    waves = torch.sin(order * angles.unsqueeze(-1)) / order
    above = (moments[0] * angles + 2 * waves @ (_jackson(K).to(device)[1:] * moments[1:])) / math.pi
    return -above.diff()


def _moments(adj: CSR, vectors: Tensor, K: int) -> Tensor:
    """The inner products of each vector with T_k(A) times itself, ``[K+1, R]``."""
    recurrence = vectors.new_zeros(3, K, 1)
    recurrence[0], recurrence[2] = 0.5, 0.5
    recurrence[0, :1] = 1
    weight = None if adj.weight is None else adj.weight.detach().to(torch.float64)
    channels = vectors.size(1)
    _, moments = torch.ops.graphpoly.polynomial_moments(
        adj.rowptr,
        adj.col,
        weight,
        vectors,
        vectors.new_zeros(K + 1, channels),
        recurrence.expand(-1, -1, channels),
        vectors,
        None,
        None,
        None,
    )
    assert isinstance(moments, Tensor)
    return moments


def _jackson(K: int) -> Tensor:
    """Factors of the terms 0..K."""
    size = K + 2
    k = torch.arange(K + 1, dtype=torch.float64, device="cpu")
    angle = torch.pi / size
    damped = (size - k) * torch.cos(k * angle) + torch.sin(k * angle) / math.tan(angle)
    return damped / size
