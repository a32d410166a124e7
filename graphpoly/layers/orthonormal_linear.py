"""A linear map that lengthens nothing."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear, is_uninitialized_parameter

from graphpoly.layers.arguments import check_size
from graphpoly.ops import orthonormalize

__all__ = ["OrthonormalLinear"]


class OrthonormalLinear(Linear):
    r"""PyG's ``Linear`` with the nearest orthonormal matrix in place of its weight.

    .. math:: y = \hat W x + b, \qquad \hat W = U V^\top \text{ for } W = U S V^\top

    so that :math:`\|\hat W x\| \le \|x\|`, with equality for every x where there are at least as
    many outputs as inputs. The parameter is W, of the name and shape that ``Linear`` has; its
    length does not matter. See :func:`graphpoly.ops.orthonormalize`.

    Args:
        in_channels: Size of each input, or -1 to take it from the first one.
        out_channels: Size of each output.
        bias: Whether there is the vector b, which begins at 0.
        iterations: Of the orthonormalisation.
        order: Of its series.

    Shapes:
        - **input:** :math:`(*, F_{in})`
        - **output:** :math:`(*, F_{out})`

    >>> import torch
    >>> lin = OrthonormalLinear(2, 4)
    >>> x = torch.tensor([[3.0, 4.0]])
    >>> round(lin(x).norm().item(), 4)
    5.0
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        iterations: int = 25,
        order: int = 2,
    ) -> None:
        check_size("iterations", iterations)
        check_size("order", order)
        self.iterations = iterations
        self.order = order
        super().__init__(in_channels, out_channels, bias=bias, bias_initializer="zeros")

    def reset_parameters(self) -> None:
        """Draw a random orthonormal W."""
        if not is_uninitialized_parameter(self.weight):
            nn.init.orthogonal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def orthonormal_weight(self) -> Tensor:
        r""":math:`\hat W`, ``[out_channels, in_channels]``."""
        return orthonormalize(self.weight, iterations=self.iterations, order=self.order)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[*, out_channels]``."""
        return F.linear(x, self.orthonormal_weight, self.bias)
