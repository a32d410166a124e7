"""A layer that acts through one operator, made of the graph: normalisation, cache, edge mask."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphpoly.bases.recurrence import check_order
from graphpoly.layers.edge_mask import masked
from graphpoly.ops import CSR, normalize

__all__ = ["OperatorConv"]


class OperatorConv(MessagePassing):
    r"""A layer whose graph comes in as the matrix P alone, the same in every hop.

    On an undirected graph with non-negative weights the spectrum of a normalised P lies in [-1, 1],
    and that of the Laplacian L = I - P in [0, 2]. L is always that of this very P, self-loops
    included: the eigenvalue :math:`\lambda` of P is :math:`1 - \lambda` of L.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Number of hops.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.
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
        K: int,
        *,
        normalization: str | None = "sym",
        add_self_loops: bool = False,
        cached: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)
        check_order(K)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.num_hops = K
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
        if isinstance(x, tuple | list):
            raise ValueError(
                f"{type(self).__name__} needs a square operator: got a tuple of node features; "
                "message passing on bipartite graphs is not supported"
            )
        adj = self._cached_operator
        if adj is None:
            adj = normalize(
                edge_index,
                edge_weight,
                x.size(0),
                normalization=self.normalization,
                add_self_loops=self.add_self_loops,
                dtype=torch.promote_types(x.dtype, self.least_dtype),
                transposed=torch.is_grad_enabled() or self.cached,
            )
            if self.cached:
                self._cached_operator = adj
        return masked(self, adj)

    def response(self, lambdas: Tensor) -> Tensor:
        """Evaluate what the layer does to an eigenvector of P, at its eigenvalue ``lambdas [L]``.

        Returns:
            ``[L, C]``, or ``[L, F, C]`` where each input channel has a filter of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no response")

    def plot_response(
        self,
        ax: Any = None,
        *,
        interval: tuple[float, float] = (-1.0, 1.0),
        num_points: int = 201,
        **data: Any,
    ) -> Any:
        """Draw the response of each channel over the eigenvalues of P.

        Args:
            ax: Axes of matplotlib; default a figure of its own.
            interval: Range of eigenvalues; the spectrum of a normalised P lies in [-1, 1].
            num_points: Number of points of each curve.
            **data: ``x``, ``edge_index`` and ``edge_weight`` where the basis depends on the data.

        Returns:
            The axes.

        Raises:
            ImportError: If matplotlib is missing; the message names the extra.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise ImportError(
                    "plot_response needs matplotlib: pip install 'graphpoly[viz]'"
                ) from error
            _, ax = pyplot.subplots()
        lambdas = torch.linspace(*interval, num_points, device=next(self.parameters()).device)
        with torch.no_grad():
            response = self.response(lambdas, **data)
        ax.plot(lambdas.cpu().numpy(), response.flatten(1).cpu().numpy())
        ax.set_xlabel("eigenvalue of P")
        ax.set_ylabel("response")
        ax.set_title(repr(self))
        return ax

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
        return [str(self.in_channels), str(self.out_channels), f"K={self.K}", *self.options()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._arguments())})"
