"""Settings of GRAFENNE."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.layers.grafenne.grafenne_conv import REDUCTIONS
from graphpoly.models.grafenne import GRAFENNE
from graphpoly.models.pooling import POOLS
from graphpoly.models.settings.base import ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["GRAFENNESettings"]


@configure("GRAFENNE")
@dataclass(frozen=True, kw_only=True)
class GRAFENNESettings(ModelSettings):
    """Hyperparameters of GRAFENNE.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        code_channels: Numbers of the code of a feature; 0 to know it by the structure alone.
        heads: Heads of attention; they divide the width.
        reduce: Over neighbours.
        dropout: Inside of the perceptrons.
        attention_dropout: Of the weights of attention.
        pool: Over the nodes of a graph.
    """

    cls = GRAFENNE
    levels = ("nodes", "graphs")
    pools_by = "pool"
    withheld = ("in_channels",)

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(2, low=1)
    code_channels: int = bounded(32, low=0)
    heads: int = bounded(4, low=1)
    reduce: str = bounded("mean", choices=REDUCTIONS)
    dropout: float = bounded(0.2, low=0, high=1)
    attention_dropout: float = bounded(0.2, low=0, high=1)
    pool: str = bounded("mean", choices=tuple(POOLS))
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)
