"""Typed settings of random node initialisation, which combines with models as rewiring does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_geometric.transforms import BaseTransform

from graphpoly.features.random_node_init import RandomNodeInit
from graphpoly.ops.random_features import DISTRIBUTIONS
from graphpoly.rewiring.settings import MethodSettings, offer_method
from graphpoly.settings import bounded

__all__ = ["RandomNodeInitSettings"]


@offer_method("RandomNodeInit", "rni")
@dataclass(frozen=True, kw_only=True)
class RandomNodeInitSettings(MethodSettings):
    """What random node initialisation is told.

    Attributes:
        dim: Number of random features.
        distribution: Of the features.
        redraw: Draw anew in each forward pass, as published; otherwise once, from the seed.
        seed: Of the features that are drawn once.
    """

    rewires: ClassVar[bool] = False

    dim: int = bounded(8, low=1)
    distribution: str = bounded("normal", choices=tuple(DISTRIBUTIONS))
    redraw: bool = True
    seed: int = bounded(0, low=0)

    @property
    def in_forward(self) -> bool:
        """Drawn anew in each pass, or once."""
        return self.redraw

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform that draws them once."""
        return RandomNodeInit(self.dim, distribution=self.distribution, seed=self.seed, **further)
