"""Random node features inside a network, drawn anew in each forward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphpoly.errors import unknown
from graphpoly.ops import random_features
from graphpoly.ops.random_features import DISTRIBUTIONS

__all__ = ["RandomNodeFeatures"]


class RandomNodeFeatures(nn.Module):
    r"""Appends noise to the features of each node.

    .. math::
        X' = [\, X \,\|\, Z \,], \qquad Z \sim \mathcal{N}(0, 1)^{N \times F}

    Args:
        dim: Number of random features F that are appended.
        distribution: See :func:`graphpoly.ops.random_features`.
        fixed: In ``eval()`` draw the same numbers in each call, from ``seed``; in ``train()`` they
            are new in each call. Otherwise they are new in both, as published, and results are
            estimates of their expectation.
        seed: Of ``fixed``.

    Shapes:
        - **input:** features :math:`(N, C)`
        - **output:** :math:`(N, C + F)`

    Abboud, Ceylan, Grohe and Lukasiewicz, "The Surprising Power of Graph Neural Networks with
    Random Node Initialization", IJCAI 2021, arXiv:2010.01179.

    >>> RandomNodeFeatures(3)(torch.ones(5, 2)).shape
    torch.Size([5, 5])
    """

    def __init__(
        self, dim: int, *, distribution: str = "normal", fixed: bool = False, seed: int = 0
    ) -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"dim: got {dim}, expected at least 1")
        if distribution not in DISTRIBUTIONS:
            raise unknown("distribution", distribution, DISTRIBUTIONS)
        self.dim, self.distribution = dim, distribution
        self.fixed, self.seed = fixed, seed

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Append the noise.

        Args:
            x: ``[N, C]``.
            generator: Where the noise comes from; default torch's global generator, or ``seed``
                where it is ``fixed``, in ``eval()``.
        """
        if generator is None and self.fixed and not self.training:
            generator = torch.Generator(x.device).manual_seed(self.seed)
        noise = random_features(
            x.size(0),
            self.dim,
            self.distribution,
            generator=generator,
            device=x.device,
            dtype=x.dtype,
        )
        return torch.cat([x, noise], 1)

    def extra_repr(self) -> str:
        return f"{self.dim}, distribution={self.distribution!r}, fixed={self.fixed}"
