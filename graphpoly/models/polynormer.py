"""Polynormer: polynomial attention, first local, then local and global."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphpoly.errors import unknown
from graphpoly.layers import PolynormerConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["Polynormer"]

STAGES = ("local", "global")


@register(
    "model",
    paper="Deng, Yue, Zhang. Polynormer: Polynomial-Expressive Graph Transformer in Linear Time. "
    "ICLR 2024",
    arxiv="2403.01232",
    example=lambda: Polynormer(8, 12, 4, heads=3, local_layers=2, global_layers=1),
    tags={
        "expressivity": "polynomials of degree 2^L in the features",
        "complexity": "O(L (|E| C + |V| C^2)) time, O(L |V| C) memory",
    },
)
@passes_on(PolynormerConv)
class Polynormer(Pretrained, NamedArguments):
    r"""Polynormer, with a head for each of its two stages of training.

    In the stage ``"local"`` the logits are a linear map of what the local layers give; the global
    ones take no part. In the stage ``"global"`` they are another linear map of what the global
    layers make of it. The state of the model holds its stage. The published training warms up in
    the first stage, goes back to the weights of its best epoch and goes on in the second::

        model.stage = "local"   # some hundred epochs; keep the best weights and optimiser state
        model.stage = "global"  # the rest

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the features between, all heads together.
        out_channels: Number of classes or targets.
        heads: Number of attention heads.
        local_layers: Number of local layers.
        global_layers: Number of global layers.
        in_dropout: Probability on the input features.
        dropout: Probability in the layers.
        stage: ``"local"`` or ``"global"``.
        **kwargs: Further arguments of :class:`~graphpoly.layers.PolynormerConv`.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    >>> Polynormer(7, 512, 2, heads=8, local_layers=10, global_layers=3)
    Polynormer(7, 512, 2, in_dropout=0.15, heads=8, local_layers=10, global_layers=3)
    """

    compliance_exceptions: ClassVar[dict[str, str]] = {
        "num_hops": PolynormerConv.compliance_exceptions["num_hops"],
        "used_parameters": "each stage has a head of its own, and the other one rests",
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        heads: int = 1,
        local_layers: int = 7,
        global_layers: int = 2,
        in_dropout: float = 0.15,
        dropout: float = 0.5,
        stage: str = "global",
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            lazy=True,
        )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.in_dropout = in_dropout
        self.conv = PolynormerConv(
            in_channels,
            hidden_channels,
            heads=heads,
            local_layers=local_layers,
            global_layers=global_layers,
            dropout=dropout,
            **kwargs,
        )
        self.local_head = nn.Linear(hidden_channels, out_channels)
        self.global_head = nn.Linear(hidden_channels, out_channels)
        self.stage = stage

    @property
    def stage(self) -> str:
        """Which head is read."""
        return self._stage

    @stage.setter
    def stage(self, stage: str) -> None:
        if stage not in STAGES:
            raise unknown("stage", stage, STAGES)
        self._stage = stage

    @property
    def num_hops(self) -> int:
        """How far the local layers see."""
        return self.conv.num_hops

    def get_extra_state(self) -> Tensor:
        """Return the stage as a number, so that saved weights bring it along."""
        return torch.tensor(STAGES.index(self.stage))

    def set_extra_state(self, state: Tensor) -> None:
        """Take the stage from saved weights."""
        self.stage = STAGES[int(state)]

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.conv.reset_parameters()
        self.local_head.reset_parameters()
        self.global_head.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        x = dropout(x, self.in_dropout, self.training)
        x = self.conv.locally(x, edge_index)
        if self.stage == "local":
            local: Tensor = self.local_head(x)
            return local
        out: Tensor = self.global_head(self.conv.globally(x, batch, batch_size))
        return out

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(
                f"in_dropout={self.in_dropout}",
                *self.conv.options(local_layers=7, global_layers=2, dropout=0.5),
            ),
            *(["stage='local'"] if self.stage == "local" else []),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
