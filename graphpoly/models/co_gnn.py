"""The published network of cooperative layers, which share one action network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.layers.cooperative import ActionNet, GatedConv, make_base, plot_actions
from graphpoly.layers.cooperative.base import Base, base_text
from graphpoly.models.pooling import pool_nodes
from graphpoly.ops import dropout, to_edges
from graphpoly.ops.entry import check_index
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["CoGNN"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
POOLINGS = {"sum": "add", "mean": "mean"}  # as they are called here and everywhere else


@register(
    "model",
    paper="Finkelshtein, Huang, Bronstein, Ceylan. Cooperative Graph Neural Networks. ICML 2024",
    arxiv="2310.01267",
    example=lambda: CoGNN(8, 16, 4, num_layers=2, activation="gelu"),
    tags={
        "expressivity": "beyond 1-WL in distribution (sampled); 1-WL (expected, argmax)",
        "complexity": "that of the base layers, and O(|E| + |V| F) a layer for the actions",
    },
)
class CoGNN(Pretrained, NamedArguments):
    r"""A linear map, cooperative layers, a linear map.

    .. math::
        h^{(0)} = \sigma(W_0 x), \qquad
        h^{(l+1)} = \sigma\!\left(\eta_l(\bar h^{(l)}, a^{(l)})\right), \qquad
        a^{(l)} \sim \pi(\bar h^{(l)}), \qquad \mathrm{out} = W_1 \bar h^{(L)}

    where :math:`\bar h` is h, or its layer norm. All layers share one action network
    :math:`\pi` and, as published, one norm. Each is what
    :class:`~graphpoly.layers.CooperativeConv` is, without an action network of its own.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of h.
        out_channels: Number of classes or targets.
        num_layers: L.
        base: The layers :math:`\eta`, see :class:`~graphpoly.layers.CooperativeConv`.
        action_base: The layers of :math:`\pi`, likewise.
        action_channels: Size between the layers of :math:`\pi`.
        action_layers: Number of layers of :math:`\pi`.
        actions: ``"factored"``, ``"joint"`` or ``"standard"``, likewise.
        temperature: Of the gradients of draws.
        learn_temperature: Learn one for each node.
        tau0: A learned temperature is below 1 / tau0.
        eval_mode: ``"expected"``, ``"argmax"`` or ``"sample"``; may be set later.
        dropout: Probability after the first map, after each layer and in :math:`\pi`.
        activation: :math:`\sigma`, ``"relu"`` or ``"gelu"``.
        skip: Add each layer's input to its output.
        layer_norm: Whether :math:`\bar h` is a layer norm.
        pooling: ``"sum"`` or ``"mean"`` for an output for each graph, None for one for each node.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`, with ``pooling`` :math:`(B, F_{out})`

    Example:
        >>> CoGNN(7, 64, 2, base="sum", action_base="mean", skip=True)
        CoGNN(7, 64, 2, 3, base='sum', dropout=0.2, skip=True)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 3,
        *,
        base: Base = "mean",
        action_base: Base = "mean",
        action_channels: int = 16,
        action_layers: int = 1,
        actions: str = "factored",
        temperature: float = 0.01,
        learn_temperature: bool = False,
        tau0: float = 0.5,
        eval_mode: str = "expected",
        dropout: float = 0.2,
        activation: str = "relu",
        skip: bool = False,
        layer_norm: bool = False,
        pooling: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        if pooling is not None and pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.base = base_text(base)
        self.dropout = dropout
        self.activation = activation
        self.skip = skip
        self.layer_norm = layer_norm
        self.pooling = pooling
        self.encoder = nn.Linear(in_channels, hidden_channels)
        self.action_net = ActionNet(
            hidden_channels,
            action_channels,
            action_layers,
            base=action_base,
            kind=actions,
            temperature=temperature,
            learn_temperature=learn_temperature,
            tau0=tau0,
            dropout=dropout,
            eval_mode=eval_mode,
        )
        self.convs = nn.ModuleList(
            GatedConv(make_base(base, hidden_channels, hidden_channels)) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_channels) if layer_norm else nn.Identity()
        self.decoder = nn.Linear(hidden_channels, out_channels)

    @property
    def eval_mode(self) -> str:
        """What happens in ``eval()``."""
        return self.action_net.eval_mode

    @eval_mode.setter
    def eval_mode(self, mode: str) -> None:
        self.action_net.eval_mode = mode

    @property
    def num_hops(self) -> int:
        """How far a node looks."""
        return sum(conv.num_hops + self.action_net.num_hops for conv in self._layers())

    def _layers(self) -> list[GatedConv]:
        return [conv for conv in self.convs if isinstance(conv, GatedConv)]

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.encoder.reset_parameters()
        self.action_net.reset_parameters()
        for conv in self._layers():
            conv.reset_parameters()
        self.decoder.reset_parameters()
        if isinstance(self.norm, nn.LayerNorm):
            self.norm.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Return logits.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``; read by the pooling alone.
            batch_size: Number of graphs, if known.
            generator: Where the draws of actions come from; default torch's global generator.
            noise: The draws themselves, ``[L, N, 4]``, instead of ``generator``.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        hidden, _ = self._run(x, edge_index, edge_weight, generator, noise)
        if self.pooling is not None:
            hidden = pool_nodes(hidden, POOLINGS[self.pooling], batch, batch_size)
        out: Tensor = self.decoder(hidden)
        return out

    @torch.no_grad()
    def action_shares(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Return the share of standard, listen, broadcast and isolate in each layer, ``[L, 4]``.

        Shares of nodes where actions are chosen, mean probabilities in ``"expected"``. Arguments as
        for forward.
        """
        _, shares = self._run(x, edge_index, edge_weight, generator, noise)
        return torch.stack([share.mean(0) for share in shares])

    def plot_actions(self, x: Tensor, edge_index: Any, *, ax: Any = None, **kwargs: Any) -> Any:
        """Draw :meth:`action_shares`; return the axes of matplotlib."""
        return plot_actions(self.action_shares(x, edge_index, **kwargs), ax)

    def _run(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None,
        generator: torch.Generator | None,
        noise: Tensor | None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Return what the decoder reads, and the shares of each layer."""
        size = (x.size(0), x.size(0))
        layers = self._layers()
        pairs, weight = to_edges(edge_index, edge_weight, size=size)
        check_index("edge_index", pairs.flatten(), x.size(0))
        if edge_weight is None and not layers[0].takes_weights:
            weight = None
        sigma = ACTIVATIONS[self.activation]
        hidden = sigma(self._drop(self.encoder(x)))
        shares = []
        for i, conv in enumerate(layers):
            hidden = self.norm(hidden)
            drawn = None if noise is None else noise[i]
            actions = self.action_net(hidden, pairs, weight, generator=generator, noise=drawn)
            out = sigma(self._drop(conv(hidden, pairs, weight, actions)))
            hidden = hidden + out if self.skip else out
            shares.append(actions.shares)
        return self.norm(hidden), shares

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)

    def __repr__(self) -> str:
        net = self.action_net
        sizes = (self.in_channels, self.hidden_channels, self.out_channels, self.num_layers)
        arguments = [*map(str, sizes), f"base={self.base}"]
        chosen = {
            "action_base": (net.base, "'mean'"),
            "action_channels": (str(net.hidden_channels), "16"),
            "action_layers": (str(net.num_layers), "1"),
            "actions": (repr(net.kind), "'factored'"),
        }
        arguments += [f"{name}={text}" for name, (text, usual) in chosen.items() if text != usual]
        arguments += [*net.options(), f"dropout={self.dropout}"]
        rest = {"activation": "relu", "skip": False, "layer_norm": False, "pooling": None}
        for name, default in rest.items():
            if getattr(self, name) != default:
                arguments.append(f"{name}={getattr(self, name)!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"
