r"""The nearest matrix whose singular values are all 1, by iteration.

With the singular value decomposition :math:`W = U S V^\top` that matrix is :math:`U V^\top`, and
:math:`W (W^\top W)^{-1/2} = U V^\top` where W has full rank. The root is expanded around the
identity, in the residual :math:`R = I - W^\top W`:

.. math::
    W \leftarrow W \sum_{k=0}^{p} \binom{2k}{k} \left(\frac{R}{4}\right)^k

(Björck and Bowie. An Iterative Algorithm for Computing the Best Estimate of an Orthogonal Matrix.
SIAM Journal on Numerical Analysis 8, 1971). Every singular value :math:`s \le 1` rises towards 1
and never above it: the series has positive terms, and is cut off. W is first divided by
:math:`\sqrt{\|W\|_1 \|W\|_\infty} \ge \|W\|_2`, so that all are at most 1 from the start.
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor

from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import as_size

__all__ = ["orthonormalize"]

_MOST = 200  # iterations, and terms of the series


def orthonormalize(weight: Tensor, *, iterations: int = 25, order: int = 2) -> Tensor:
    r"""Return a matrix with the singular vectors of ``weight`` and singular values of 1.

    Args:
        weight: ``[M, N]``. Half precisions are computed in float32.
        iterations: Steps. A small singular value grows by :math:`\sum_{k \le p} \binom{2k}{k} /
            4^k` a step, 1.875 for ``order=2``; near 1 a step takes the power ``order + 1`` of the
            distance from it.
        order: p, where the series ends.

    Returns:
        ``[M, N]``: its rows are orthonormal, or its columns where there are fewer of them. No
        singular value is above 1, but for rounding, even if there are too few iterations. Those
        that are 0 stay 0.

    Raises:
        TypeError: If ``weight`` is not floating-point.
        ValueError: If it is no matrix, or a number is not between 1 and 200.

    Complexity: O(p m^3 + m^2 n) an iteration, m and n the smaller and the larger size. The gradient
    goes through all iterations, each of which keeps a matrix of the size of ``weight``.

    >>> import torch
    >>> from graphpoly.ops import orthonormalize
    >>> orthonormalize(torch.tensor([[3.0, 0.0], [0.0, -0.5], [4.0, 0.0]]))
    tensor([[ 0.6000,  0.0000],
            [ 0.0000, -1.0000],
            [ 0.8000,  0.0000]])
    """
    if weight.dim() != 2:
        raise ValueError(f"weight: got shape {list(weight.shape)}, expected [M, N]")
    kept, dtype = floating(weight=weight)
    iterations = as_size("iterations", iterations, least=1, most=_MOST)
    order = as_size("order", order, least=1, most=_MOST)
    if not weight.numel():
        return weight
    tall = weight.size(0) >= weight.size(1)
    found = weight.to(dtype) if tall else weight.to(dtype).mT
    lengths = [found.abs().sum(dim).max() for dim in (0, 1)]
    for length in lengths:
        found = found / torch.where(length > 0, length, 1).sqrt()
    eye = torch.eye(found.size(1), dtype=dtype, device=weight.device)
    series = [math.comb(2 * k, k) / 4**k for k in range(order, -1, -1)]
    device = weight.device.type
    casts = torch.amp.is_autocast_available(device)  # not for shapes without values
    with torch.autocast(device, enabled=False) if casts else nullcontext():
        for _ in range(iterations):
            residual = eye - found.mT @ found
            factor = series[0] * eye
            for coefficient in series[1:]:
                factor = torch.addmm(coefficient * eye, residual, factor)
            found = found @ factor
    return (found if tall else found.mT).to(kept)
