"""A layer to which the graph is one operator: normalisation, cache, edge mask."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.layers.arguments import (
    check_features,
    check_size,
    chosen_normalization,
)
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import width_of
from graphpoly.ops import CSR
from graphpoly.ops.normalize import NORMALIZATIONS, normalized

__all__ = ["OperatorLayer"]

_HELD_AS = {"add_self_loops": "self_loops"}  # arguments and the attributes of another name


class OperatorLayer(FusedLayer):
    r"""A layer whose graph comes in as the matrix P alone.

    On an undirected graph with non-negative weights the spectrum of a normalised P lies in [-1, 1],
    and that of the Laplacian L = I - P in [0, 2]. L is always that of this very P, self-loops
    included: the eigenvalue :math:`\lambda` of P is :math:`1 - \lambda` of L.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named, or
            ``"sym"``.
        add_self_loops: Use A + I (nodes that have a loop keep theirs, also one of weight 0, as in
            PyG). Held as ``self_loops``: PyG's heterogeneous wrappers answer for every layer with
            an attribute of the argument's name, and not as we do.
        cached: Keep the operator of the first call; only for one fixed graph. It is made again
            where the features come in another dtype or on another device.
    """

    printed: ClassVar[dict[str, object]] = {  # arguments and the defaults that repr leaves out
        "normalization": "sym",
        "add_self_loops": False,
        "cached": False,
    }
    exceptions: ClassVar[dict[str, str]] = {}  # properties of the battery, and why they do not hold
    least_dtype: ClassVar[torch.dtype] = torch.float32  # of the operator's values

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        normalization = chosen_normalization(normalization, normalize)
        if normalization is not None and normalization not in NORMALIZATIONS:
            raise unknown("normalization", normalization, NORMALIZATIONS)
        super().__init__(aggr="add")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalization = normalization
        self.self_loops = add_self_loops
        self.cached = cached
        self._cached_operator: CSR | None = None

    def reset_parameters(self) -> None:
        """Forget the cached operator."""
        super().reset_parameters()
        self._cached_operator = None

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        kept = "a node that has a loop keeps it, also one of weight 0, as in PyG"
        return {**self.exceptions, **({"zero_weight_loops": kept} if self.self_loops else {})}

    @property
    def width(self) -> int:
        """Columns of x that forward takes; -1 where the first input has yet to say so."""
        first = getattr(self, "lin", None)
        return self.in_channels if self.in_channels > 0 or first is None else width_of(first)

    def operator(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return the operator P, with an explainer's edge mask applied where one is set."""
        check_features(type(self).__name__, x, self.width)
        adj = self._held_operator(x)
        if adj is None:
            adj = self._made(x, edge_index, edge_weight, self.normalization)
            if self.cached:
                self._cached_operator = adj
        return masked(self, adj)

    def _held_operator(self, x: Tensor) -> CSR | None:
        """Return the cached operator, if there is one and it was made for features like these."""
        adj = self._cached_operator
        if adj is None or adj.weight is None:
            return adj
        dtype = torch.promote_types(x.dtype, self.least_dtype)
        return adj if (adj.weight.dtype, adj.weight.device) == (dtype, x.device) else None

    def weighted(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return the same before normalisation, for layers that change the weights first."""
        check_features(type(self).__name__, x, self.width)
        adj = self._made(x, edge_index, edge_weight, None)
        return masked(self, adj)

    def _made(
        self, x: Tensor, edge_index: Any, edge_weight: Tensor | None, normalization: str | None
    ) -> CSR:
        return normalized(
            edge_index,
            edge_weight,
            x.size(0),
            normalization=normalization,
            add_self_loops=self.self_loops,
            dtype=torch.promote_types(x.dtype, self.least_dtype),
            transposed=torch.is_grad_enabled() or self.cached,
        )

    def options(self, **defaults: object) -> list[str]:
        """Return the arguments that differ from their defaults, as ``name=value``.

        Args:
            **defaults: Defaults that stand in for the layer's own.
        """
        values = {name: getattr(self, _HELD_AS.get(name, name)) for name in self.printed}
        defaults = {**self.printed, **defaults}
        return [f"{name}={value!r}" for name, value in values.items() if value != defaults[name]]

    def _arguments(self) -> list[str]:
        """What repr prints between the brackets."""
        return [str(self.in_channels), str(self.out_channels), *self.options()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._arguments())})"
