"""``common_neighbors`` on CUDA: list what the pairs share, then add up its rows.

Made of operators, no kernel of its own: the intersection is the reference's (sorts and look-ups of
PyTorch), the sum is ``spmm_sum``, so that nothing is added with atomics.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.common_neighbors import _intersect

__all__ = ["common_neighbors"]


def common_neighbors(*arguments: Tensor) -> Tensor:
    """As the reference of ``graphpoly::common_neighbors``."""
    *tensors, x = arguments
    rowptr, col = _intersect(*tensors)
    return torch.ops.graphpoly.spmm_sum(rowptr, col, None, x, None, None, None, False)
