"""The network with which each node chooses what it does."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.cooperative.actions import (
    ACTIONS,
    EVAL_MODES,
    Actions,
    choose,
    gumbel_noise,
)
from graphpoly.layers.cooperative.base import Base, base_text, make_base
from graphpoly.layers.cooperative.gated_conv import takes_weights
from graphpoly.ops import dropout

__all__ = ["KINDS", "ActionNet"]

KINDS = ("factored", "joint", "standard")
_OUTPUTS = {"factored": (2, 2), "joint": (4,), "standard": ()}


class ActionNet(nn.Module):
    r"""A message-passing network from features to one action for each node.

    ``"factored"`` has two networks of two outputs each: one decides whether the node listens, the
    other whether it broadcasts. ``"joint"`` has one of four outputs, one for each of
    :data:`~graphpoly.layers.cooperative.ACTIONS`; only it can tie the two decisions together.
    ``"standard"`` has none: every node does everything, and what remains is the base layer.

    In ``train()`` actions are drawn, with straight-through gradients at the temperature
    :math:`\tau`. In ``eval()`` :attr:`eval_mode` decides.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        hidden_channels: Size between the layers of the networks.
        num_layers: Number of layers.
        base: Kind of the layers, see :class:`CooperativeConv`.
        kind: ``"factored"``, ``"joint"`` or ``"standard"``.
        temperature: :math:`\tau`, where it is fixed.
        learn_temperature: Learn it for each node,
            :math:`\tau_v = 1 / (\mathrm{softplus}(w^\top h_v) + \tau_0)`.
        tau0: :math:`\tau_0`: a learned temperature is below its inverse.
        dropout: Probability between the layers.
        eval_mode: ``"expected"``, ``"argmax"`` or ``"sample"``.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 16,
        num_layers: int = 1,
        *,
        base: Base = "mean",
        kind: str = "factored",
        temperature: float = 0.01,
        learn_temperature: bool = False,
        tau0: float = 0.5,
        dropout: float = 0.0,
        eval_mode: str = "expected",
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise unknown("kind of action network", kind, KINDS)
        if eval_mode not in EVAL_MODES:
            raise unknown("eval_mode", eval_mode, EVAL_MODES)
        for name, value in (("temperature", temperature), ("tau0", tau0)):
            if not value > 0:
                raise ValueError(f"{name}: got {value}, expected more than 0")
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.base = base_text(base)
        self.kind = kind
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.tau0 = tau0
        self.dropout = dropout
        self.eval_mode = eval_mode
        sizes = [in_channels] + [hidden_channels] * (num_layers - 1)
        self.nets = nn.ModuleList(
            nn.ModuleList(
                make_base(base, i, o) for i, o in zip(sizes, [*sizes[1:], last], strict=True)
            )
            for last in _OUTPUTS[kind]
        )
        learned = learn_temperature and kind != "standard"
        self.lin_temperature = Linear(in_channels, 1, bias=False) if learned else None

    @property
    def num_hops(self) -> int:
        """How far the choice of a node looks."""
        hops = [sum(int(getattr(conv, "num_hops", 1)) for conv in net) for net in self._nets()]
        return max(hops, default=0)

    def _nets(self) -> list[nn.ModuleList]:
        return [net for net in self.nets if isinstance(net, nn.ModuleList)]

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for net in self._nets():
            for conv in net:
                conv.reset_parameters()  # type: ignore[operator]
        if self.lin_temperature is not None:
            self.lin_temperature.reset_parameters()

    def logits(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return the logits of each decision, ``[N, 2, 2]`` (factored) or ``[N, 1, 4]`` (joint)."""
        outputs = []
        for net in self._nets():
            out = x
            for i, conv in enumerate(net):
                if i > 0:
                    out = dropout(out, self.dropout, self.training).relu()
                weights = {"edge_weight": edge_weight} if takes_weights(conv) else {}
                out = conv(out, edge_index, **weights)
            outputs.append(out)
        logits = torch.stack(outputs, 1)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Actions:
        """Choose.

        Args:
            x: ``[N, in_channels]``.
            edge_index: ``[2, E]`` pairs (source, target).
            edge_weight: ``[E]``; left out where the networks' layers take none.
            generator: Where draws come from; default torch's global generator.
            noise: The draws themselves, from :func:`gumbel_noise`, instead of ``generator``.
        """
        mode = "sample" if self.training else self.eval_mode
        if mode not in EVAL_MODES:
            raise unknown("eval_mode", mode, EVAL_MODES)
        if self.kind == "standard":
            every, none = x.new_ones(x.size(0)), x.new_zeros(x.size(0), len(ACTIONS) - 1)
            return Actions(every, every, torch.cat([every.unsqueeze(1), none], 1))
        logits = self.logits(x, edge_index, edge_weight)
        if mode == "sample":
            noise = self._noise(logits, generator, noise)
            chosen = choose(logits, mode, noise=noise, temperature=self.temperatures(x))
        else:
            chosen = choose(logits, mode)
        if self.kind == "factored":
            listens, broadcasts = chosen[:, 0], chosen[:, 1]
            shares = (listens.unsqueeze(2) * broadcasts.unsqueeze(1)).flatten(1)
            return Actions(listens[:, 0], broadcasts[:, 0], shares)
        shares = chosen[:, 0]
        return Actions(shares[:, 0] + shares[:, 1], shares[:, 0] + shares[:, 2], shares)

    def temperatures(self, x: Tensor) -> Tensor | float:
        """Return the temperature of the gradients, a number or ``[N, 1, 1]``."""
        if self.lin_temperature is None:
            return self.temperature
        score = self.lin_temperature(x)
        score = score.to(torch.promote_types(score.dtype, torch.float32))
        return (F.softplus(score) + self.tau0).reciprocal().unsqueeze(-1)

    def _noise(
        self, logits: Tensor, generator: torch.Generator | None, noise: Tensor | None
    ) -> Tensor:
        if noise is None:
            noise = gumbel_noise(
                logits.size(0), generator=generator, dtype=logits.dtype, device=logits.device
            )
        elif generator is not None:
            raise ValueError("give generator or noise, not both")
        elif noise.shape != (logits.size(0), len(ACTIONS)):
            expected = (logits.size(0), len(ACTIONS))
            raise ValueError(f"noise: got shape {tuple(noise.shape)}, expected {expected}")
        return noise.view_as(logits)

    def options(self) -> list[str]:
        """Return the arguments that differ from their defaults, as ``name=value``."""
        defaults: dict[str, Any] = {
            "temperature": 0.01,
            "learn_temperature": False,
            "tau0": 0.5,
            "eval_mode": "expected",
        }
        return [
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.num_layers)),
            *(f"base={self.base}", f"kind={self.kind!r}", *self.options()),
        ]
        if self.dropout != 0.0:
            arguments.append(f"dropout={self.dropout}")
        return f"{type(self).__name__}({', '.join(arguments)})"
