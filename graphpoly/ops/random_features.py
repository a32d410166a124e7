"""Noise for the features of nodes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.entry import MOST_NODES, affordable, as_size

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
        dtype: Their type; half precisions are the numbers of float32, rounded.

    Raises:
        TypeError: If a size is no integer.
        ValueError: If one is out of range, or there is no memory for so many.
    """
    num_nodes, dim = as_size("num_nodes", num_nodes, most=MOST_NODES), as_size("dim", dim)
    if distribution not in DISTRIBUTIONS:
        raise unknown("distribution", distribution, DISTRIBUTIONS)
    draw = torch.rand if distribution == "uniform" else torch.randn
    dtype = torch.get_default_dtype() if dtype is None else dtype
    wide = torch.promote_types(dtype, torch.float32)  # half precisions are these numbers rounded
    options: dict[str, Any] = {"generator": generator, "device": device, "dtype": wide}
    drawn: Tensor = affordable(
        lambda: f"num_nodes, dim: got {num_nodes} and {dim}",
        partial(draw, **options),
        *(num_nodes, dim),
    )
    if distribution == "uniform":
        drawn = 2 * drawn - 1
    if distribution == "xavier":
        drawn = drawn * (2 / max(num_nodes + dim, 1)) ** 0.5
    return drawn.to(dtype)
