"""Settings of networks that point at nodes."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.models.pointer_network import POINTER_ENCODERS, VISITS, PointerNetwork
from graphpoly.models.settings.base import ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["PointerSettings"]


@configure("PointerNetwork", "ptr-net")
@dataclass(frozen=True, kw_only=True)
class PointerSettings(ModelSettings):
    """Hyperparameters of a pointer network.

    Attributes:
        hidden_channels: Width.
        num_layers: Layers of the encoder.
        encoder: What reads the nodes, in their order or along edges.
        visits: How often a sequence may come to a node; all for tours, any for triangles.
    """

    cls = PointerNetwork
    levels = ("sequences",)
    withheld = ("out_channels",)

    hidden_channels: int = bounded(256, low=1)
    num_layers: int = bounded(1, low=1)
    encoder: str = bounded("lstm", choices=POINTER_ENCODERS)
    visits: str = bounded("once", choices=VISITS)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)
