"""Settings of networks whose layers are trained one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from graphpoly.models.forward_gnn import VARIANTS, ForwardGNN
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded
from graphpoly.training import LayerWise, Task

__all__ = ["ForwardSettings"]


@configure("ForwardGNN", "forward")
@dataclass(frozen=True, kw_only=True)
class ForwardSettings(ModelSettings):
    """Hyperparameters of ForwardGNN and of the training of each layer.

    Attributes:
        variant: One forward pass, two by virtual nodes or labels as features, or from the top, too.
        conv: gcn, sage, gat or the name of a registered layer.
        hidden_channels: Width.
        num_layers: Most layers; validation decides how many predict.
        heads: Of gat; they divide the width.
        temperature: Of the logits.
        threshold: Of the goodness, in ff-vn and ff-la.
        layer_epochs: Most epochs of each layer.
        layer_patience: Epochs of a layer without a better validation value before the next begins.
        layer_steps: Steps an epoch, after which the validation part is scored.
        clip: Largest norm of a gradient, or none.
    """

    cls = ForwardGNN
    withheld = ("layer_epochs", "layer_patience", "layer_steps", "clip")
    reads_once = True

    variant: str = bounded("sf", choices=VARIANTS)
    conv: str = "gcn"
    hidden_channels: int = bounded(128, low=1)
    num_layers: int = bounded(2, low=1)
    heads: int = bounded(4, low=1)
    temperature: float = bounded(1.0, low=1e-6)
    threshold: float = bounded(2.0, low=0)
    layer_epochs: int = bounded(500, low=1)
    layer_patience: int = bounded(50, low=1)
    layer_steps: int = bounded(2, low=1)
    clip: float | None = bounded(None, low=0)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Add the classes of the training nodes; training begins with the first layer."""
        data = inputs.data
        if data is None or data.y.is_floating_point() or data.y.numel() != data.num_nodes:
            raise ValueError(
                "model: ForwardGNN learns the classes of the nodes of one graph, this dataset has "
                "none"
            )
        labels = torch.where(inputs.split.train_mask, data.y.view(-1), -1)
        depth = self.num_layers if self.variant.startswith("top2") else 1
        return {**super().arguments(inputs), "labels": labels, "depth": depth}

    def wrap(self, task: Task) -> Task:
        """Train one layer after the other."""
        return LayerWise(
            task,
            epochs=self.layer_epochs,
            patience=self.layer_patience,
            steps=self.layer_steps,
            clip=self.clip,
        )
