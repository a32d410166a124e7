"""The block of PPGN and PPGN++: two perceptrons on pairs, multiplied as matrices."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers.pair_linear import PairLinear
from graphpoly.ops import PairBlocks, pair_matmul, pair_transpose

__all__ = ["PPGNBlock"]


class PPGNBlock(nn.Module):
    r"""A block of `Provably Powerful Graph Networks <https://arxiv.org/abs/1905.11136>`_ (Maron et
    al., NeurIPS 2019), and of PPGN++ (`Puny et al., ICML 2023
    <https://arxiv.org/abs/2302.11556>`_) with ``transposed=True``.

    .. math::
        Y_c = m_1(X)_c \cdot m_2(X)_c, \qquad X' = W\, [X \,\Vert\, Y] + b

    The perceptrons :math:`m_1, m_2` see one pair at a time, ReLU after each of their layers; the
    product is one of matrices n x n, channel by channel, graph by graph. With ``transposed=True``
    the first perceptron sees :math:`[X \Vert X^\top]`.

    Args:
        in_channels: Number of input channels.
        out_channels: Number of output channels, also of both perceptrons.
        mlp_layers: Layers of each perceptron, at least 1.
        transposed: Whether the first perceptron sees the transpose, too.

    Shapes:
        - **input:** pairs :math:`(C_{in}, P)` laid out by :func:`graphpoly.ops.pair_blocks`
        - **output:** :math:`(C_{out}, P)`

    Complexity:
        :math:`O(C \sum n^3 + C^2 \sum n^2)` time; :math:`O(C \sum n^2)` memory, of which training
        keeps about ``2 * mlp_layers + 2`` tensors a block. No graph is padded.

    Example:
        >>> import torch
        >>> from graphpoly.ops import pair_blocks
        >>> blocks = pair_blocks(torch.tensor([0, 0, 0, 1, 1]), 5)
        >>> PPGNBlock(2, 4)(torch.randn(2, 9 + 4), blocks).shape
        torch.Size([4, 13])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        mlp_layers: int = 2,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        if mlp_layers < 1:
            raise ValueError(f"mlp_layers: got {mlp_layers}, expected at least 1")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.mlp_layers = mlp_layers
        self.transposed = transposed
        further = [(out_channels,)] * (mlp_layers - 1)
        sides = (in_channels, in_channels) if transposed else (in_channels,)
        self.mlp1 = nn.ModuleList(PairLinear(sizes, out_channels) for sizes in (sides, *further))
        self.mlp2 = nn.ModuleList(
            PairLinear(sizes, out_channels) for sizes in ((in_channels,), *further)
        )
        self.skip = PairLinear((in_channels, out_channels), out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.mlp1, self.mlp2, self.skip):
            reset(part)

    def forward(self, x: Tensor, blocks: PairBlocks) -> Tensor:
        """Return ``[out_channels, P]``.

        Args:
            x: ``[in_channels, P]``.
            blocks: The layout.
        """
        seen = (x, pair_transpose(blocks, x)) if self.transposed else (x,)
        product = pair_matmul(blocks, _perceptron(self.mlp1, *seen), _perceptron(self.mlp2, x))
        out: Tensor = self.skip(x, product)
        return out

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"mlp_layers={self.mlp_layers}, transposed={self.transposed})"
        )


def _perceptron(layers: nn.ModuleList, *parts: Tensor) -> Tensor:
    out = F.relu(layers[0](*parts))
    for layer in list(layers)[1:]:
        out = F.relu(layer(out))
    return out
