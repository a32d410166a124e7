"""Noise for the features of nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["random_features"]

DISTRIBUTIONS = ("normal", "uniform", "xavier")


def random_features(
    num_nodes: int,
    dim: int,
    distribution: str = "normal",
    *,
    generator: torch.Generator | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    r"""Draw the features, ``[N, dim]``.

    Args:
        num_nodes: N.
        dim: Number of features.
        distribution: ``"normal"``: N(0, 1). ``"uniform"``: on [-1, 1]. ``"xavier"``: normal with
            the variance :math:`2 / (N + \mathrm{dim})`.
        generator: Where chance comes from; default torch's own.
        device: Where they go.
        dtype: Their type.
    """
    if distribution not in DISTRIBUTIONS:
        raise unknown("distribution", distribution, DISTRIBUTIONS)
    options: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
    if distribution == "uniform":
        return 2 * torch.rand(num_nodes, dim, **options) - 1
    drawn = torch.randn(num_nodes, dim, **options)
    return drawn if distribution == "normal" else drawn * (2 / max(num_nodes + dim, 1)) ** 0.5
