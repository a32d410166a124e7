"""A layer to which the graph is one operator: normalisation, cache, edge mask."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphpoly.layers.edge_mask import masked
from graphpoly.ops import CSR
from graphpoly.ops.normalize import normalized

__all__ = ["OperatorLayer"]


class OperatorLayer(MessagePassing):
    r"""A layer whose graph comes in as the matrix P alone.

    On an undirected graph with non-negative weights the spectrum of a normalised P lies in [-1, 1],
    and that of the Laplacian L = I - P in [0, 2]. L is always that of this very P, self-loops
    included: the eigenvalue :math:`\lambda` of P is :math:`1 - \lambda` of L.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph. It is made again
            where the features come in another dtype or on another device.
        **kwargs: Further arguments of :class:`~torch_geometric.nn.MessagePassing`.
    """

    printed: ClassVar[dict[str, object]] = {  # arguments and the defaults that repr leaves out
        "normalization": "sym",
        "add_self_loops": False,
        "cached": False,
    }
    least_dtype: ClassVar[torch.dtype] = torch.float32  # of the operator's values

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        normalization: str | None = "sym",
        add_self_loops: bool = False,
        cached: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalization = normalization
        self.add_self_loops = add_self_loops
        self.cached = cached
        self._cached_operator: CSR | None = None

    def reset_parameters(self) -> None:
        """Forget the cached operator."""
        super().reset_parameters()
        self._cached_operator = None

    def operator(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return the operator P, with an explainer's edge mask applied where one is set."""
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
        adj = self._made(x, edge_index, edge_weight, None)
        return masked(self, adj)

    def _made(
        self, x: Tensor, edge_index: Any, edge_weight: Tensor | None, normalization: str | None
    ) -> CSR:
        if isinstance(x, tuple | list):
            raise ValueError(
                f"{type(self).__name__} needs a square operator: got a tuple of node features; "
                "message passing on bipartite graphs is not supported"
            )
        return normalized(
            edge_index,
            edge_weight,
            x.size(0),
            normalization=normalization,
            add_self_loops=self.add_self_loops,
            dtype=torch.promote_types(x.dtype, self.least_dtype),
            transposed=torch.is_grad_enabled() or self.cached,
        )

    def options(self, **defaults: object) -> list[str]:
        """Return the arguments that differ from their defaults, as ``name=value``.

        Args:
            **defaults: Defaults that stand in for the layer's own.
        """
        return [
            f"{name}={getattr(self, name)!r}"
            for name, default in {**self.printed, **defaults}.items()
            if getattr(self, name) != default
        ]

    def _arguments(self) -> list[str]:
        """What repr prints between the brackets."""
        return [str(self.in_channels), str(self.out_channels), *self.options()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._arguments())})"
