"""The one rule of the operators for the types of their arguments.

Features are floating-point numbers: integers, booleans and complex numbers raise a TypeError, for
what would come out of them is truncated. Half precisions are computed in float32, and the result is
in the type that came in. Weights of an operator are real; they follow the features.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR

__all__ = ["EXACT", "check_real", "floating"]

# computed as they are
EXACT = (torch.float32, torch.float64)


def floating(adj: CSR | None = None, /, **features: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """Check the types of the features, by the names of their arguments, and of the weights.

    Returns:
        The type that the features promote to, and the one to compute in: at least float32.

    Raises:
        TypeError: If features are not floating-point numbers, or weights are complex.

    >>> floating(x=torch.ones(2, dtype=torch.bfloat16))
    (torch.bfloat16, torch.float32)
    """
    kept: torch.dtype | None = None
    for name, feature in features.items():
        dtype = feature.dtype
        if not dtype.is_floating_point:
            raise TypeError(f"{name}: got dtype {dtype}, a floating-point dtype is accepted")
        kept = dtype if kept is None else torch.promote_types(kept, dtype)
    assert kept is not None
    if adj is not None:
        check_real(adj)
    return kept, torch.promote_types(kept, torch.float32)


def check_real(adj: CSR) -> None:
    """Raise a TypeError if the weights of an operator are complex."""
    if adj.weight is not None and adj.weight.dtype.is_complex:
        raise TypeError(f"adj: got weights of dtype {adj.weight.dtype}; real numbers are accepted")
