"""A trained filter beside the operator that it acts through."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Spectrum"]


@dataclass(frozen=True)
class Spectrum:
    """One trained filter, and the operator it acts through.

    Attributes:
        model: Name of the model.
        layer: Name of the filter within it, and what it is.
        lambdas: Points in [-1, 1], ``[L]``.
        response: Of every channel, ``[L, C]``.
        weight: Size of each channel's input, ``[C]``; where the input channels have filters of
            their own, of the input channel.
        edges: Bounds of bins in [-1, 1], ``[B+1]``.
        density: Share of the operator's eigenvalues in each bin, ``[B]``.
        labels: Share of the labels' energy in each bin, ``[B]``.
    """

    model: str
    layer: str
    lambdas: Tensor
    response: Tensor
    weight: Tensor
    edges: Tensor
    density: Tensor
    labels: Tensor
