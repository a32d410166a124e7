"""A picture of what nodes do, layer by layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.layers.cooperative.actions import ACTIONS

__all__ = ["plot_actions"]


def plot_actions(shares: Tensor, ax: Any = None) -> Any:
    """Draw the share of each action in each layer as stacked bars.

    Args:
        shares: ``[L, 4]``, a row for each layer, columns in the order of
            :data:`~graphpoly.layers.cooperative.ACTIONS`, as
            :meth:`graphpoly.models.CoGNN.action_shares` returns them.
        ax: Axes of matplotlib; default a figure of its own.

    Returns:
        The axes.

    Raises:
        ValueError: If ``shares`` has another shape.
        ImportError: If matplotlib is missing; the message names the extra.
    """
    if shares.dim() != 2 or shares.size(1) != len(ACTIONS):
        raise ValueError(f"shares: got shape {tuple(shares.shape)}, expected [layers, 4]")
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError(
                "plot_actions needs matplotlib: pip install 'graphpoly[viz]'"
            ) from error
        _, ax = pyplot.subplots()
    heights = shares.detach().cpu().double()
    layers = range(1, heights.size(0) + 1)
    floor = heights.cumsum(1) - heights
    for i, name in enumerate(ACTIONS):
        ax.bar(layers, heights[:, i].numpy(), bottom=floor[:, i].numpy(), label=name)
    ax.set_xticks(list(layers))
    ax.set_xlabel("layer")
    ax.set_ylabel("share of nodes")
    ax.legend()
    return ax
