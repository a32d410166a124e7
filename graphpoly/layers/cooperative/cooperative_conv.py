"""Nodes that choose to listen, to broadcast, both or neither, around any base layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphpoly.layers.arguments import check_features, check_size
from graphpoly.layers.cooperative.action_net import ActionNet
from graphpoly.layers.cooperative.actions import Actions
from graphpoly.layers.cooperative.aggregate_conv import AggregateConv
from graphpoly.layers.cooperative.base import Base, base_text, make_base
from graphpoly.layers.cooperative.gated_conv import GatedConv
from graphpoly.layers.layer_of_layers import LayerOfLayers
from graphpoly.ops import to_edges
from graphpoly.ops.entry import check_index
from graphpoly.registry import register

__all__ = ["CooperativeConv"]


@register(
    "layer",
    paper="Finkelshtein, Huang, Bronstein, Ceylan. Cooperative Graph Neural Networks. ICML 2024",
    arxiv="2310.01267",
    example=lambda: CooperativeConv(8, 4),
    tags={
        "expressivity": "beyond 1-WL in distribution (sampled); 1-WL (expected, argmax)",
        "complexity": "that of the base layer, and O(|E| + |V| F) for each action network",
    },
)
class CooperativeConv(LayerOfLayers):
    r"""A base layer on the edges that nodes agree on, from `Cooperative Graph Neural Networks
    <https://arxiv.org/abs/2310.01267>`_ (Finkelshtein et al., ICML 2024).

    .. math::
        a_v &\sim \pi\!\left(h_v, \{\!\{h_u : u \in \mathcal{N}(v)\}\!\}\right)
            \in \{\mathrm{S}, \mathrm{L}, \mathrm{B}, \mathrm{I}\} \\
        h'_v &= \begin{cases}
            \eta\!\left(h_v, \{\!\{h_u : u \in \mathcal{N}(v),\, a_u \in \{\mathrm{S},
            \mathrm{B}\}\}\!\}\right) & a_v \in \{\mathrm{S}, \mathrm{L}\} \\
            \eta(h_v, \{\!\{\}\!\}) & a_v \in \{\mathrm{B}, \mathrm{I}\} \end{cases}

    The action network :math:`\pi` is a small message-passing network, :math:`\eta` any base layer.
    An edge (u, v) is kept where u broadcasts and v listens; :class:`GatedConv` says how its gate
    reaches the base layer. If all nodes choose "standard", this is the base layer.

    In ``train()`` actions are drawn: Gumbel-softmax, straight-through. In ``eval()``:

    - ``"expected"`` (default) gates each edge by the probability that it is kept. Nodes choose
      independently, so that for :math:`u \ne v` this is
      :math:`E[g_{uv}] = P(u\ \text{broadcasts})\, P(v\ \text{listens})`. Where the base layer is
      affine in its gates (``"sum"``, ``"mean"``), the output is the mean over draws, exactly. For
      other layers, and for a stack of any, it is a definition: gates at their means.
    - ``"argmax"`` lets each node do what is most likely. It has no gradient in the action network.
    - ``"sample"`` draws, as in training.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        base: The layer :math:`\eta`: ``"sum"``, ``"mean"``, ``"kept_mean"`` (see
            :class:`AggregateConv`), ``"gcn"``, ``"gin"``, ``"gat"``, or what makes a layer of
            ``(in_channels, out_channels)``, such as the class ``GCNConv``.
        action_base: The layers of :math:`\pi`, likewise.
        action_channels: Size between the layers of :math:`\pi`.
        action_layers: Number of layers of :math:`\pi`.
        actions: ``"factored"``: two networks, for listening and for broadcasting; ``"joint"``: one
            network with four outputs; ``"standard"``: none, for comparison.
        temperature: Of the gradients of draws; the probabilities do not depend on it.
        learn_temperature: Learn one for each node, see :class:`ActionNet`.
        tau0: A learned temperature is below 1 / tau0.
        eval_mode: ``"expected"``, ``"argmax"`` or ``"sample"``; may be set later.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, or a pair of those of sources and targets where
          the base layer takes one; ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes; ``edge_weight`` :math:`(E)` where the base layer
          takes weights (one that takes none reads the structure of a sparse ``adj_t`` alone)
        - **output:** :math:`(N, F_{out})`

        Edges may be directed. In a bipartite graph sources have no incoming edges and choose by
        their own features alone.

    Complexity:
        One pass of the base layer and of the action networks, O(E) for the gates.

    Differences from the paper:
        The paper has one network of four outputs; the published code, behind all its figures, has
        two of two, which is the default here. A self-loop in the graph is always kept, where the
        code lets it go with the other edges. In the code's mean the sum is divided by all edges,
        kept or not: this is ``"mean"`` here, and ``"kept_mean"`` the mean over what is kept. The
        code draws in evaluation, too: ``eval_mode="sample"``.

    Example:
        >>> import torch
        >>> conv = CooperativeConv(16, 7, "sum", action_base="mean")
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        base: Base = "mean",
        *,
        action_base: Base = "mean",
        action_channels: int = 16,
        action_layers: int = 1,
        actions: str = "factored",
        temperature: float = 0.01,
        learn_temperature: bool = False,
        tau0: float = 0.5,
        eval_mode: str = "expected",
    ) -> None:
        super().__init__()
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.action_net = ActionNet(
            in_channels,
            action_channels,
            action_layers,
            base=action_base,
            kind=actions,
            temperature=temperature,
            learn_temperature=learn_temperature,
            tau0=tau0,
            eval_mode=eval_mode,
        )
        self.gated = GatedConv(make_base(base, in_channels, out_channels))
        self._base = base_text(base)

    @property
    def conv(self) -> nn.Module:
        """The base layer."""
        return self.gated.conv

    @property
    def eval_mode(self) -> str:
        """What happens in ``eval()``."""
        return self.action_net.eval_mode

    @eval_mode.setter
    def eval_mode(self, mode: str) -> None:
        self.action_net.eval_mode = mode

    @property
    def num_hops(self) -> int:
        """How far a node looks: to its neighbours, and as far as their choices do."""
        return self.gated.num_hops + self.action_net.num_hops

    @property
    def of_layers(self) -> bool:
        """Whether each part runs by itself: gates in hooks belong to one graph, here the whole."""
        return self.gated.takes_weights

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        counted = [part for part in self.modules() if isinstance(part, AggregateConv)]
        return {name: why for part in counted for name, why in part.compliance_exceptions.items()}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.action_net.reset_parameters()
        self.gated.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Choose actions and run the base layer on what they keep.

        Args:
            x: ``[N, in_channels]``, or a pair of the features of sources and of targets.
            edge_index: The graph.
            edge_weight: ``[E]``.
            generator: Where draws come from; default torch's global generator.
            noise: The draws themselves, ``[N, 4]`` from :func:`gumbel_noise` (sources before
                targets, in a bipartite graph), for code that is compiled: a generator cannot be.
        """
        x, pairs, edge_weight = self._graph(x, edge_index, edge_weight)
        actions = self._choose(x, pairs, edge_weight, generator, noise)
        return self.gated(x, pairs, edge_weight, actions)

    def actions(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Actions:
        """Return what the nodes choose, or with what probability; arguments as for forward.

        In a bipartite graph ``listen`` is that of the targets, ``broadcast`` that of the sources,
        and ``shares`` has a row for each source, then for each target.
        """
        x, pairs, edge_weight = self._graph(x, edge_index, edge_weight)
        return self._choose(x, pairs, edge_weight, generator, noise)

    def _graph(
        self, x: Any, edge_index: Any, edge_weight: Tensor | None
    ) -> tuple[Any, Tensor, Tensor | None]:
        for one in x if isinstance(x, tuple | list) else (x,):
            check_features(type(self).__name__, one, self.in_channels)
        if isinstance(x, tuple | list):
            x = x[0] if x[0] is x[1] else tuple(x)
        sizes = (x[0].size(0), x[1].size(0)) if isinstance(x, tuple) else (x.size(0), x.size(0))
        pairs, weight = to_edges(edge_index, edge_weight, size=sizes)
        for ends, size in zip(pairs, sizes, strict=True):  # PyG's layers have words of their own
            check_index("edge_index", ends, size)
        if edge_weight is None and not self.gated.takes_weights:
            weight = None  # values of a sparse adj_t, which PyG's layers without weights skip, too
        return x, pairs, weight

    def _choose(
        self,
        x: Any,
        pairs: Tensor,
        edge_weight: Tensor | None,
        generator: torch.Generator | None,
        noise: Tensor | None,
    ) -> Actions:
        if isinstance(x, Tensor):
            return self.action_net(x, pairs, edge_weight, generator=generator, noise=noise)
        num_sources = x[0].size(0)
        # one graph of both sides: whatever the networks are made of, sources hear nobody
        union = torch.stack([pairs[0], pairs[1] + num_sources])
        chosen = self.action_net(torch.cat(x), union, edge_weight, generator=generator, noise=noise)
        return Actions(chosen.listen[num_sources:], chosen.broadcast[:num_sources], chosen.shares)

    def __repr__(self) -> str:
        net = self.action_net
        arguments = [str(self.in_channels), str(self.out_channels), self._base]
        if net.base != "'mean'":
            arguments.append(f"action_base={net.base}")
        if net.hidden_channels != 16:
            arguments.append(f"action_channels={net.hidden_channels}")
        if net.num_layers != 1:
            arguments.append(f"action_layers={net.num_layers}")
        if net.kind != "factored":
            arguments.append(f"actions={net.kind!r}")
        return f"{type(self).__name__}({', '.join([*arguments, *net.options()])})"
