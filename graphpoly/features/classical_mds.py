r"""Points from distances: classical multidimensional scaling, from landmarks where there are many.

With S the squared distances of m landmarks and :math:`H = I - 11^\top / m`,

.. math::
    -\tfrac12 H S H = V \Lambda V^\top, \qquad Z = V_d\, \Lambda_d^{1/2}

and a point with squared distances :math:`\delta` from the landmarks lies at
:math:`-\tfrac12 (\delta - S 1 / m)\, V_d\, \Lambda_d^{-1/2}`, which is exact where distances are
Euclidean, and gives the landmarks their own places.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["EXTENSIONS", "classical_mds"]

EXTENSIONS = ("nystrom", "nearest")
# an eigenvalue that much smaller than the largest one is rounding
_ROUNDING = 1e-12


def classical_mds(
    distance: Tensor, dim: int, landmarks: Tensor | None = None, *, extension: str = "nystrom"
) -> Tensor:
    """Place points so that their distances are nearly those that are given.

    Args:
        distance: From each landmark to every point, ``[m, N]``.
        dim: Dimension d of the space.
        landmarks: The number of each landmark's own point, ``[m]``; by default all points are.
        extension: Where the other points go: ``"nystrom"`` as above, or ``"nearest"`` to the place
            of the nearest landmark.

    Returns:
        ``[N, d]``, float64, the mean of the landmarks at the origin, the axis along which they
        spread most first. The largest coordinate of a landmark along each axis is positive. Axes
        that the landmarks do not need are zero.

    Raises:
        ValueError: If a shape does not fit, or a distance is negative or not finite.

    Complexity: O(m^3 + m N d).

    References:
        Torgerson, Multidimensional scaling, Psychometrika 1952. de Silva and Tenenbaum, Sparse
        multidimensional scaling using landmark points, 2004.

    >>> line = torch.tensor([[0.0, 3.0, 1.0], [3.0, 0.0, 2.0]])
    >>> classical_mds(line, 1, torch.tensor([0, 1])).flatten().abs().round(decimals=9)
    tensor([1.5000, 1.5000, 0.5000], dtype=torch.float64)
    """
    if extension not in EXTENSIONS:
        raise unknown("extension", extension, EXTENSIONS)
    if dim < 1:
        raise ValueError(f"dim: got {dim}, expected at least 1")
    if landmarks is None:
        landmarks = torch.arange(distance.size(-1), device=distance.device)
    if distance.dim() != 2 or landmarks.shape != distance.shape[:1]:
        raise ValueError(
            f"distance: got shape {list(distance.shape)} for {landmarks.numel()} landmarks, "
            "expected [m, N]"
        )
    if distance.numel() and not bool((distance >= 0).all() & distance.isfinite().all()):
        raise ValueError("distance: got a negative one or one that is not finite")
    square = distance.double().square()
    m = landmarks.numel()
    place = square.new_zeros(distance.size(1), dim)
    if not m:
        return place
    own = square[:, landmarks]
    own = (own + own.mT) / 2
    mean = own.mean(1, keepdim=True)
    value, vector = torch.linalg.eigh(-(own - mean - mean.mT + mean.mean()) / 2)
    value, vector = value[-dim:].flip(0), vector[:, -dim:].flip(1)
    largest = vector.abs().argmax(0, keepdim=True)
    vector = vector * vector.gather(0, largest).sign()
    needed = value > _ROUNDING * own.max()
    root = torch.where(needed, value, 1).sqrt()
    width = value.numel()
    if extension == "nearest":
        place[:, :width] = (vector * root * needed)[square.argmin(0)]
    else:
        place[:, :width] = -(square - mean).mT @ (vector / root * needed) / 2
    return place
