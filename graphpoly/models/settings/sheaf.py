"""Settings of sheaf diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch_geometric.data import Data

from graphpoly.layers import ConnectionMaps
from graphpoly.layers.sheaf import MAPS
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.models.sheaf_nn import SheafNN
from graphpoly.settings import bounded

__all__ = ["SheafSettings"]


@configure("SheafNN", "sheaf")
@dataclass(frozen=True, kw_only=True)
class SheafSettings(ModelSettings):
    """Hyperparameters of sheaf diffusion.

    Attributes:
        maps: Family of restriction maps, or ``connection``.
        stalk_dim: Dimension of the maps.
        num_layers: Steps of diffusion.
        hidden_channels: Channels of each stalk coordinate.
        dropout: Before each step.
        input_dropout: Before the first linear map.
        weight_decay: L2 penalty of all but the maps.
        weight_decay_maps: L2 penalty of what the maps are made by.
        second_linear: A further linear map before the first step.
        add_lp: A fixed stalk coordinate that is carried over as it is.
        add_hp: A fixed stalk coordinate that is carried over with the other sign.
        sparse_learner: Make the maps of the sum over a node's rows.
        edge_strength: Weigh edges by what stands at their ends.
        reflections: Let orthogonal maps choose their determinant.
    """

    cls = SheafNN

    maps: str = bounded("householder", choices=(*MAPS, "connection"))
    stalk_dim: int = bounded(3, low=1)
    num_layers: int = bounded(2, low=1)
    hidden_channels: int = bounded(32, low=1)
    dropout: float = bounded(0.0, low=0, high=1)
    input_dropout: float = bounded(0.0, low=0, high=1)
    weight_decay_maps: float = bounded(5e-4, low=0)
    second_linear: bool = False
    add_lp: bool = False
    add_hp: bool = False
    sparse_learner: bool = False
    edge_strength: bool = False
    reflections: bool = False

    def prepare(self, data: Data) -> Data:
        """Store the transports, where they are fixed."""
        return ConnectionMaps(self.stalk_dim)(data) if self.maps == "connection" else data

    def groups(self) -> dict[str, dict[str, float]]:
        """Return the options of the two roles; fixed maps have no parameters."""
        groups = {"linear": {"lr": self.lr, "weight_decay": self.weight_decay}}
        if self.maps not in ("connection", "identity"):
            groups["sheaf"] = {"lr": self.lr, "weight_decay": self.weight_decay_maps}
        return groups

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Leave out what fixed transports have no use for."""
        values = super().arguments(inputs)
        if self.maps == "connection":
            for name in ("sparse_learner", "edge_strength", "reflections"):
                del values[name]
        return values
