"""Whether a network sees farther than its ``num_hops``, as one of its layers does."""

from __future__ import annotations

from typing import Any

__all__ = ["beyond_hops"]


def beyond_hops(layer: Any) -> dict[str, str]:
    """Return the ``compliance_exceptions`` of what reads the whole graph where a layer does.

    >>> from graphpoly.layers import BernConv, OptBasisConv
    >>> beyond_hops(BernConv(4, 4, 2)), list(beyond_hops(OptBasisConv(4, 4, 2)))
    ({}, ['num_hops'])
    """
    declared = layer.compliance_exceptions
    return {name: why for name, why in declared.items() if name == "num_hops"}
