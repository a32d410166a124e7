"""Settings of networks that are made for inputs which somebody has moved."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.models.gcorn import GCORN
from graphpoly.models.settings.base import ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["GCORNSettings"]


@configure("GCORN")
@dataclass(frozen=True, kw_only=True)
class GCORNSettings(ModelSettings):
    """Hyperparameters of GCORN.

    Attributes:
        hidden_channels: Width of the convolutions.
        num_layers: Number of convolutions.
        dropout: Between convolutions.
        iterations: Of the orthonormalisation of each weight.
    """

    cls = GCORN

    hidden_channels: int = bounded(16, low=1)
    num_layers: int = bounded(2, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    iterations: int = bounded(25, low=1)
    weight_decay: float = bounded(0.0, low=0)
