"""What a module that rewires by features owes to whoever gives it others."""

from __future__ import annotations

from torch import Tensor

__all__ = ["check_features"]


def check_features(module: str, x: Tensor, width: int) -> None:
    """Refuse features of another shape or kind.

    Raises:
        TypeError: If ``x`` is not floating-point.
        ValueError: If it is not ``[N, width]``.
    """
    if not x.is_floating_point():
        raise TypeError(f"x: got dtype {x.dtype}, {module} takes a floating-point dtype")
    if x.dim() != 2 or x.size(1) != width:
        raise ValueError(f"x: got shape {tuple(x.shape)}, {module} takes [N, {width}]")
