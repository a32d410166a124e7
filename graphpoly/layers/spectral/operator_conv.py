"""A layer of K hops through one operator."""

from __future__ import annotations

from typing import Any

from graphpoly.bases.recurrence import check_order
from graphpoly.layers.operator_layer import OperatorLayer

__all__ = ["OperatorConv"]


class OperatorConv(OperatorLayer):
    r"""A layer whose graph comes in as the matrix P alone, the same in every hop.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Number of hops.
        **kwargs: ``normalization``, ``add_self_loops`` and ``cached``, as for
            :class:`~graphpoly.layers.operator_layer.OperatorLayer`.
    """

    def __init__(self, in_channels: int, out_channels: int, K: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, **kwargs)
        check_order(K)
        self.K = K
        self.num_hops = K

    def _arguments(self) -> list[str]:
        sizes = [str(self.in_channels), str(self.out_channels)]
        return [*sizes, f"K={self.K}", *self.options()]
