"""The spectral gap: how fast a walk forgets where it began."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh, splu
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.rewiring.measures.resistance import as_graph, components
from graphpoly.rewiring.structure import Graphs

__all__ = ["gap_of_connected", "spectral_gap"]

NORMALIZATIONS = ("sym", "none")
_DENSE = 1000
_MOST = 1000  # restarts of the Lanczos iteration


def spectral_gap(
    edge_index: Tensor, num_nodes: int | None = None, *, normalization: str = "sym"
) -> float:
    r"""Return the second smallest eigenvalue of the Laplacian.

    Args:
        edge_index: Undirected graph, ``[2, E]``; loops and duplicates are left out.
        num_nodes: Number of nodes.
        normalization: ``"sym"``: :math:`I - D^{-1/2} A D^{-1/2}`; ``"none"``: :math:`D - A`.

    Returns:
        The gap; exactly 0 for a graph in several parts, an isolated node among them, and 0 for one
        of fewer than two nodes.

    Complexity: O(N^3) up to 1000 nodes; a Lanczos iteration beyond, O(E) for each step, on a sparse
    factorisation of the Laplacian where the gap is too small for it.

    >>> import torch
    >>> round(spectral_gap(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])), 9)
    1.0
    """
    if normalization not in NORMALIZATIONS:
        raise unknown("normalization", normalization, NORMALIZATIONS)
    graphs = as_graph(edge_index, num_nodes)
    return 0.0 if bool(components(graphs).any()) else gap_of_connected(graphs, normalization)


def gap_of_connected(graphs: Graphs, normalization: str = "sym") -> float:
    """Return what :func:`spectral_gap` does, for one graph in one part."""
    size = graphs.num_nodes
    if size < 2:
        return 0.0
    degree = graphs.degree.double().numpy()
    entries = (np.ones(graphs.col.numel()), graphs.col.numpy(), graphs.rowptr.numpy())
    adjacency = csr_matrix(entries, shape=(size, size))
    if normalization == "sym":
        root = csr_matrix((degree**-0.5, (range(size), range(size))))
        operator, largest = root @ adjacency @ root, 1.0
    else:
        # turned over, so that the smallest eigenvalues are the largest
        largest = 2 * float(degree.max())
        diagonal = csr_matrix((largest - degree, (range(size), range(size))))
        operator = diagonal + adjacency
    if size <= _DENSE:
        return largest - float(np.linalg.eigvalsh(operator.toarray())[-2])
    start = np.random.default_rng(0).standard_normal(size)
    shifted = operator + largest * identity(size)  # positive: the largest ones are wanted
    try:
        values = eigsh(shifted, k=2, which="LA", v0=start, maxiter=_MOST, return_eigenvectors=False)
    except ArpackNoConvergence:
        scale = np.sqrt(degree) if normalization == "sym" else np.ones(size)
        return _gap_by_inverse(diags(degree) - adjacency, scale, start)
    return 2 * largest - float(min(values))


def _gap_by_inverse(laplacian: Any, scale: np.ndarray, start: np.ndarray) -> float:
    """The gap of S^-1 L S^-1 from the largest eigenvalue of its pseudo-inverse.

    Small eigenvalues that lie close together are far apart there. One node is grounded, whose row
    follows from the others.
    """
    size = scale.size
    grounded = splu(laplacian.tocsc()[1:, 1:], permc_spec="MMD_AT_PLUS_A")
    still = scale / np.linalg.norm(scale)

    def solve(right: np.ndarray) -> np.ndarray:
        right = right.ravel()
        right = scale * (right - still * (still @ right))
        found = scale * np.append(0, grounded.solve(right[1:]))
        return found - still * (still @ found)

    inverse = LinearOperator((size, size), matvec=solve, dtype=float)
    (value,) = eigsh(inverse, k=1, which="LA", v0=start, return_eigenvectors=False)
    return 1 / float(value)
