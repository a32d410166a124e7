"""A layer of K hops through one operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

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

    def _arguments(self) -> list[str]:
        sizes = [str(self.in_channels), str(self.out_channels)]
        return [*sizes, f"K={self.K}", *self.options()]
