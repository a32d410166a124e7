"""Settings of CoGNN and Polynormer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch_geometric.data import Data
from torch_geometric.transforms import AddRemainingSelfLoops

from graphpoly.models.co_gnn import CoGNN
from graphpoly.models.polynormer import Polynormer
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded
from graphpoly.training import Task, WarmUp

__all__ = ["CoGNNSettings", "PolynormerSettings"]

_BASES = ("sum", "mean", "kept_mean", "gcn", "gin", "gat")


@configure("CoGNN")
@dataclass(frozen=True, kw_only=True)
class CoGNNSettings(ModelSettings):
    """Hyperparameters of a cooperative network.

    Attributes:
        base: The layers.
        action_base: Layers of the action network.
        actions: ``factored``, ``joint``, or ``standard`` for the base layers alone.
        hidden_channels, num_layers: Of the network.
        action_channels, action_layers: Of the action network.
        temperature: Of the gradients of draws.
        learn_temperature: Learn one for each node.
        tau0: A learned temperature is below 1 / tau0.
        eval_mode: What happens in evaluation.
        dropout: After each layer.
        activation: Between layers.
        skip: Add each layer's input to its output.
        layer_norm: Normalise each layer's input.
        pooling: Over the nodes of a graph.
    """

    cls = CoGNN
    levels = ("nodes", "graphs")
    pools_by = "pooling"

    base: str = bounded("mean", choices=_BASES)
    action_base: str = bounded("mean", choices=_BASES)
    actions: str = bounded("factored", choices=("factored", "joint", "standard"))
    hidden_channels: int = bounded(128, low=1)
    num_layers: int = bounded(3, low=1)
    action_channels: int = bounded(16, low=1)
    action_layers: int = bounded(1, low=1)
    temperature: float = bounded(0.01, low=0)
    learn_temperature: bool = False
    tau0: float = bounded(0.5, low=0)
    eval_mode: str = bounded("expected", choices=("expected", "argmax", "sample"))
    dropout: float = bounded(0.2, low=0, high=1)
    activation: str = bounded("relu", choices=("relu", "gelu"))
    skip: bool = False
    layer_norm: bool = False
    pooling: str = bounded("sum", choices=("sum", "mean"))
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


@configure("Polynormer")
@dataclass(frozen=True, kw_only=True)
class PolynormerSettings(ModelSettings):
    """Hyperparameters of Polynormer and the length of its first stage.

    Attributes:
        hidden_channels: Channels of each head.
        heads: Attention heads.
        local_layers, global_layers: Layers of each kind.
        warm_up: Epochs with the local layers alone.
        dropout: In the layers.
        in_dropout: On the input.
        beta: Start of the gates' vector, or none for the logistic function of a parameter.
        relu: Whether the layers have ReLU.
    """

    cls = Polynormer
    withheld = ("warm_up",)

    hidden_channels: int = bounded(64, low=1)
    heads: int = bounded(8, low=1)
    local_layers: int = bounded(7, low=1)
    global_layers: int = bounded(2, low=0)
    warm_up: int = bounded(100, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    in_dropout: float = bounded(0.15, low=0, high=1)
    beta: float | None = bounded(None, low=0)
    relu: bool = True
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    def prepare(self, data: Data) -> Data:
        """Give each node a self-loop, those that have one no second."""
        prepared: Data = AddRemainingSelfLoops()(data.clone())
        return prepared

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Count the channels of all heads together; the first stage comes first."""
        width = self.hidden_channels * self.heads
        return {**super().arguments(inputs), "hidden_channels": width, "stage": "local"}

    def wrap(self, task: Task) -> Task:
        """Train the local layers first."""
        return WarmUp(task, self.warm_up, _go_global)


def _go_global(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, Polynormer):
            module.stage = "global"
