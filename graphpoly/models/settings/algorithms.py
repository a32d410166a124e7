"""Settings of networks that follow an algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphpoly.data import hint_kinds
from graphpoly.models.algorithm_net import AGGREGATIONS, AlgorithmNet
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["AlgorithmSettings"]


@configure("AlgorithmNet", "triplet-gmpnn")
@dataclass(frozen=True, kw_only=True)
class AlgorithmSettings(ModelSettings):
    """Hyperparameters of a network that follows the steps of an algorithm.

    Attributes:
        hidden_channels: Width.
        aggregation: Of messages: the largest, or what an LSTM has read of them, as in RNAR.
        triplet_channels: Channels of the messages over triplets.
    """

    cls = AlgorithmNet
    levels = ("traces",)
    withheld = ("out_channels",)

    hidden_channels: int = bounded(128, low=1)
    aggregation: str = bounded("max", choices=AGGREGATIONS)
    triplet_channels: int = bounded(8, low=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Read off one of the graphs what there is to follow."""
        assert inputs.data is not None
        told = {
            "hints": hint_kinds(inputs.data),
            "answer": "pointer" if "pointer" in inputs.data else "mark",
            "weighted": "edge_weight" in inputs.data,
        }
        return {**super().arguments(inputs), **told}
