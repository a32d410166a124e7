r"""Nyström's method: features whose products are a kernel, from a few of its columns.

With the columns :math:`C = K_{:,I}` of the landmarks I and :math:`W = K_{I,I}`

.. math::
    K \approx C W^{+} C^\top = F F^\top, \qquad F = C W^{+ 1/2}

which is exact on the landmarks, and everywhere if all are landmarks (Williams and Seeger, Using the
Nyström Method to Speed Up Kernel Machines, NeurIPS 2000).
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.entry import as_size

__all__ = ["draw_landmarks", "nystrom"]


def draw_landmarks(num_items: int, num_landmarks: int, *, seed: int = 0) -> Tensor:
    """Draw landmarks without replacement, each set being as likely as any other.

    Args:
        num_items: Number of graphs or nodes N.
        num_landmarks: Number m; all where there are fewer items.
        seed: Of the draw.

    Returns:
        Ascending numbers, int64 ``[min(m, N)]``.

    >>> draw_landmarks(3, 5).tolist()
    [0, 1, 2]
    """
    num_landmarks = as_size("num_landmarks", num_landmarks, 1)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(as_size("num_items", num_items), generator=generator, device="cpu")
    return order[:num_landmarks].sort().values


def nystrom(columns: Tensor, landmarks: Tensor) -> Tensor:
    """Turn columns of a positive semidefinite kernel into features.

    Args:
        columns: The kernel of all with the landmarks, ``[N, m]``, float64.
        landmarks: Which rows they are, ``[m]``.

    Returns:
        Features ``[N, m]``, all 0 in directions that the landmarks do not have.

    Raises:
        ValueError: If ``columns`` has not one column for each landmark.

    Complexity: O(N m^2 + m^3).

    >>> x = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    >>> features = nystrom(x @ x[:1].T, torch.tensor([0]))
    >>> (features @ features.T).tolist()
    [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]]
    """
    if columns.dim() != 2 or columns.size(1) != landmarks.numel():
        got, expected = tuple(columns.shape), landmarks.numel()
        raise ValueError(
            f"columns: got shape {got}, expected [N, {expected}], one for each landmark"
        )
    if not landmarks.numel():
        return columns
    own = columns[landmarks]
    values, vectors = torch.linalg.eigh((own + own.t()) / 2)
    least = values.numel() * torch.finfo(values.dtype).eps * values.abs().amax()
    roots = torch.where(values > least, values.clamp(min=least).rsqrt(), 0)
    return columns @ (vectors * roots)
