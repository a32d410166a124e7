"""Linear maps whose products run on our kernel where it serves them."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn.dense import linear as pyg

from graphpoly.ops.affine import affine

__all__ = ["LazyLinear", "Linear"]


class Linear(nn.Linear):
    """``torch.nn.Linear`` with :func:`graphpoly.ops.affine.affine`.

    >>> Linear(2, 3)
    Linear(in_features=2, out_features=3, bias=True)
    """

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        """Return ``[..., out_features]``; each number of ``x`` is dropped with a probability."""
        return affine(x, self.weight, self.bias, dropout=dropout)


class LazyLinear(pyg.Linear):
    """PyG's ``Linear``, which takes its size from the first input where it is -1, with the same.

    >>> LazyLinear(-1, 3)
    LazyLinear(-1, 3, bias=True)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[..., out_channels]``."""
        return affine(x, self.weight, self.bias)
