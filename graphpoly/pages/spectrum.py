"""A trained filter beside the operator that it acts through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Spectrum"]

_NOTHING = 1e-3  # share of eigenvalues and of labels in a bin


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

    @property
    def together(self) -> Tensor:
        """Root of the mean square over the channels, each weighted by its size, ``[L]``."""
        size = self.weight.square()
        mean = (size * self.response.square()).sum(1) / size.sum().clamp(min=1e-300)
        return mean.sqrt()

    @property
    def occupied(self) -> Tensor:
        """Which points lie in a bin that holds eigenvalues or labels, ``[L]``."""
        share = self.density + self.labels
        return share[torch.bucketize(self.lambdas, self.edges[1:-1], right=True)] > _NOTHING

    def selectivity(self) -> float:
        """Return how many times as strongly the filter passes labels as the average eigenvector.

        The root of the mean square of :attr:`together`, weighted by the energy of the labels, over
        the same weighted by the eigenvalues; NaN of a filter that passes nothing.
        """
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        nearest = torch.searchsorted(self.lambdas, centres).clamp(max=self.lambdas.numel() - 1)
        passed = self.together[nearest].square()
        ratio = (self.labels * passed).sum() / (self.density * passed).sum()
        return float(ratio.sqrt())

    def describe(self) -> str:
        """Say in a sentence whether the filter passes what the labels are made of."""
        return (
            f"{self.model} passes the labels {self.selectivity():.2f} times as strongly as the "
            "average eigenvector."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single channels as plain values for JSON."""
        held = {
            name: getattr(self, name).tolist()
            for name in ("lambdas", "together", "edges", "density", "labels")
        }
        return {
            "model": self.model,
            "layer": self.layer,
            "selectivity": self.selectivity(),
            **held,
        }
