"""The one tolerance table, and the comparison that reads it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["TOLERANCES", "Tolerance", "assert_close", "difference", "tolerance"]

KINDS = ("exact", "accumulated")


class Tolerance(NamedTuple):
    """``actual`` and ``expected`` agree where ``|actual - expected| <= atol + rtol |expected|``."""

    rtol: float
    atol: float


# "exact": the same algebra in another order, a handful of roundings apart.
# "accumulated": long sums, iterations, or another algorithm for the same quantity.
TOLERANCES: dict[torch.dtype, dict[str, Tolerance]] = {
    torch.float64: {"exact": Tolerance(1e-10, 1e-12), "accumulated": Tolerance(1e-8, 1e-10)},
    torch.float32: {"exact": Tolerance(1e-5, 1e-6), "accumulated": Tolerance(1e-4, 1e-5)},
    torch.float16: {"exact": Tolerance(2e-3, 1e-3), "accumulated": Tolerance(1e-2, 1e-2)},
    torch.bfloat16: {"exact": Tolerance(1.6e-2, 8e-3), "accumulated": Tolerance(6e-2, 6e-2)},
}


def tolerance(*dtypes: torch.dtype, kind: str = "exact") -> Tolerance:
    """Return the tolerance of the least precise of ``dtypes``.

    Args:
        *dtypes: Floating-point types; integers and booleans are compared without tolerance.
        kind: ``"exact"`` or ``"accumulated"``.

    Raises:
        ValueError: If ``kind`` is unknown.
        TypeError: If the table has no row for a type.

    >>> tolerance(torch.float32, torch.float64)
    Tolerance(rtol=1e-05, atol=1e-06)
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    floating = [dtype for dtype in dtypes if dtype.is_floating_point]
    missing = [dtype for dtype in floating if dtype not in TOLERANCES]
    if missing:
        raise TypeError(f"dtype: got {missing[0]}, expected one of {[*TOLERANCES]}")
    if not floating:
        return Tolerance(0.0, 0.0)
    return max((TOLERANCES[dtype][kind] for dtype in floating), key=lambda entry: entry.rtol)


def difference(actual: Any, expected: Any, *, kind: str = "exact") -> str | None:
    """Say in words how ``actual`` differs from ``expected``, or return None where they agree.

    Args:
        actual: Tensor, or anything that :func:`torch.as_tensor` takes.
        expected: Likewise. An oracle may be more precise: the less precise type decides.
        kind: Column of :data:`TOLERANCES`.

    NaN agrees with nothing, an infinity with the same infinity only.

    >>> difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    '1 of 2 values differ, by up to 5.00e-01 (at [1]: 2, expected 2.5; rtol=1e-05, atol=1e-06)'
    """
    actual, expected = _as_tensor(actual), _as_tensor(expected)
    if actual.shape != expected.shape:
        return f"got shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    rtol, atol = tolerance(actual.dtype, expected.dtype, kind=kind)
    common = torch.promote_types(actual.dtype, expected.dtype)
    if common.is_floating_point:
        common = torch.float64
    got, wanted = actual.detach().to(common), expected.detach().to(common)
    wrong = ~torch.isclose(got, wanted, rtol=rtol, atol=atol)
    if not wrong.any():
        return None
    gap = torch.where(wrong, (got.double() - wanted.double()).abs(), -1)
    gap = torch.where(wrong & ~gap.isfinite(), torch.inf, gap)
    place = torch.unravel_index(gap.argmax(), gap.shape)
    index = [int(i) for i in place]
    return (
        f"{int(wrong.sum())} of {wrong.numel()} values differ, by up to {float(gap.max()):.2e} "
        f"(at {index}: {got[place].item():.6g}, expected {wanted[place].item():.6g}; "
        f"rtol={rtol:g}, atol={atol:g})"
    )


def assert_close(actual: Any, expected: Any, *, kind: str = "exact", what: str = "") -> None:
    """Raise an AssertionError that says where and by how much the two differ.

    Args:
        actual: As for :func:`difference`.
        expected: As for :func:`difference`.
        kind: ``"exact"`` for the same algebra in another order, ``"accumulated"`` for long sums,
            iterations, or another algorithm.
        what: Name of what is compared, for the message.

    >>> assert_close(torch.ones(2) / 3, [1 / 3, 1 / 3])
    """
    found = difference(actual, expected, kind=kind)
    if found is not None:
        raise AssertionError(f"{what}: {found}" if what else found)


def _as_tensor(value: Any) -> Tensor:
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(value)
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.cpu()
