"""What the kernels ask of features."""

from __future__ import annotations

from torch import Tensor

__all__ = ["as_features", "check_columns"]


def as_features(x: Tensor | None, name: str = "x") -> Tensor:
    """Return features in float64.

    Raises:
        TypeError: If they are complex.
        ValueError: If there are none, they are not ``[N, F]`` or not finite.
    """
    if x is None or x.dim() != 2:
        got = "none" if x is None else f"shape {tuple(x.shape)}"
        raise ValueError(f"{name}: got {got}, expected features [N, F]")
    if x.is_complex():
        raise TypeError(f"{name}: got dtype {x.dtype}, real numbers are accepted")
    x = x.detach().double()
    if not bool(x.isfinite().all()):
        raise ValueError(f"{name}: got NaN or infinity, finite values are accepted")
    return x


def check_columns(x: Tensor, other: Tensor) -> None:
    """Refuse features of which there are no products."""
    if x.size(1) != other.size(1):
        raise ValueError(f"x: got {x.size(1)} and {other.size(1)} columns, expected as many")
