"""Any base layer, on the edges that are kept: gates that gradients flow through."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, MessagePassing

from graphpoly.layers.cooperative.actions import Actions, edge_gate
from graphpoly.layers.layer_of_layers import LayerOfLayers
from graphpoly.ops.take_rows import take_rows

__all__ = ["GatedConv", "takes_weights"]

_ATTENTION = (GATConv, GATv2Conv)
_LINEAR = ("add", "sum", "mean")


class GatedConv(nn.Module):
    r"""A base layer whose edges are gated by the actions of their ends.

    Edge (u, v) has the gate :math:`g_{uv} = \mathrm{broadcast}_u \cdot \mathrm{listen}_v`, a
    self-loop the gate 1. How it reaches the base layer:

    - A layer whose forward takes ``edge_weight`` gets ``g * edge_weight``. What it makes of weights
      is its own: GCNConv normalises by the degrees of the kept edges.
    - GATConv and GATv2Conv: the attention of each edge is multiplied by g, and that of each node
      scaled back to its former total, which is the softmax over the kept edges.
    - Any other :class:`~torch_geometric.nn.MessagePassing` layer that adds or averages messages
      which do not look at each other (GINConv, SAGEConv): each message is multiplied by g. A mean
      divides by all edges, kept or not.

    Layers without weights are left out of compiled graphs, since PyG compiles no hooks: with
    ``fullgraph=True`` they are refused.

    With all gates at 1 each of them is the base layer, bit for bit.

    Args:
        conv: The base layer. It is called with a plain ``edge_index``.

    Raises:
        ValueError: If gates cannot be put into this layer, with the reason.
    """

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        _check(conv)
        self._gate: _Hooks | None = None
        if not takes_weights(conv):
            assert isinstance(conv, MessagePassing)
            self._gate = _Hooks(conv)

    @property
    def takes_weights(self) -> bool:
        """Whether the base layer takes ``edge_weight``."""
        return self._gate is None

    @property
    def num_hops(self) -> int:
        """How far a gate can be that has an influence on a node, in edges."""
        hops = int(getattr(self.conv, "num_hops", 1))
        # degrees of sources are in the weights, too: one more edge
        symmetric = getattr(self.conv, "normalization", None) == "sym"
        normalize = takes_weights(self.conv) and getattr(self.conv, "normalize", False) is True
        return hops + (symmetric or normalize)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.conv.reset_parameters()  # type: ignore[operator]

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Tensor,
        edge_weight: Tensor | None,
        actions: Actions,
    ) -> Tensor:
        """Run the base layer.

        Args:
            x: ``[N, in_channels]``, or a pair of the features of sources and of targets.
            edge_index: ``[2, E]`` pairs (source, target).
            edge_weight: ``[E]``; only where the base layer takes weights.
            actions: ``listen`` of the targets, ``broadcast`` of the sources.

        Raises:
            ValueError: If there are weights and the base layer takes none.
        """
        square = isinstance(x, Tensor)
        if self._gate is None:
            gate = edge_gate(edge_index, actions.listen, actions.broadcast, square=square)
            weight = gate if edge_weight is None else gate * edge_weight
            out: Tensor = self.conv(x, edge_index, edge_weight=weight)
            return out
        if edge_weight is not None:
            raise ValueError(f"edge_weight: the base layer {type(self.conv).__name__} takes none")
        return self._hooked(x, edge_index, actions, square)

    # PyG leaves its hooks out of what is compiled, and so would leave out the gates
    @torch.compiler.disable(recursive=True)
    def _hooked(self, x: Any, edge_index: Tensor, actions: Actions, square: bool) -> Tensor:
        assert self._gate is not None
        self._gate.set(actions, square)
        try:
            out: Tensor = self.conv(x, edge_index)
        finally:
            self._gate.set(None, square)
        return out


class _Hooks:
    """Gates in the hooks of a layer without weights. They do nothing unless actions are set."""

    def __init__(self, conv: MessagePassing) -> None:
        self.actions: Actions | None = None
        self.square = True
        self.edge_index: Tensor | None = None
        if isinstance(conv, _ATTENTION):
            conv.register_edge_update_forward_hook(self.attention)
        else:
            # the layer may add self-loops of its own; these are the edges it sends along
            conv.register_propagate_forward_pre_hook(self.edges)
            conv.register_message_forward_hook(self.message)

    def set(self, actions: Actions | None, square: bool) -> None:
        self.actions, self.square, self.edge_index = actions, square, None

    def edges(self, conv: MessagePassing, inputs: Any) -> None:
        if self.actions is not None:
            self.edge_index = inputs[0]

    def message(self, conv: MessagePassing, inputs: Any, out: Tensor) -> Tensor:
        if self.actions is None:
            return out
        shape = [1] * out.dim()
        shape[conv.node_dim] = -1
        assert self.edge_index is not None
        return out * self.gate(self.edge_index).view(shape)

    def attention(self, conv: MessagePassing, inputs: Any, alpha: Tensor) -> Tensor:
        if self.actions is None:
            return alpha
        edge_index = inputs[0]
        target, num_targets = edge_index[1], self.actions.listen.size(0)
        kept = alpha * self.gate(edge_index).unsqueeze(-1)
        totals = alpha.new_zeros(2, num_targets, alpha.size(1))
        totals = totals.index_add(1, target, torch.stack([alpha, kept]))
        alive = totals[1] > 0
        scale = torch.where(alive, totals[0] / torch.where(alive, totals[1], 1), 0)
        return kept * take_rows(scale, target)

    def gate(self, edge_index: Tensor) -> Tensor:
        assert self.actions is not None
        listen, broadcast, _ = self.actions
        return edge_gate(edge_index, listen, broadcast, square=self.square)


def takes_weights(conv: nn.Module) -> bool:
    """Whether forward takes ``edge_weight``."""
    return "edge_weight" in inspect.signature(conv.forward).parameters


def _check(conv: nn.Module) -> None:
    name = type(conv).__name__
    weights = takes_weights(conv)
    if getattr(conv, "cached", False):
        raise ValueError(f"base: {name} with cached=True would keep the gates of its first call")
    if not isinstance(conv, MessagePassing) or isinstance(conv, LayerOfLayers):
        if not weights:
            raise ValueError(f"base: {name} takes no edge_weight and is no MessagePassing layer")
        return
    if conv.flow != "source_to_target":
        raise ValueError(f"base: {name} has flow={conv.flow!r}, expected 'source_to_target'")
    if conv.aggr not in _LINEAR:
        raise ValueError(
            f"base: {name} aggregates by {conv.aggr!r}, in which a message of zeros is not a "
            f"message left out; accepted are {', '.join(_LINEAR)}"
        )
    if weights:
        if _divides_by_kept_degree(conv):
            raise ValueError(
                f"base: {name} divides by the degree, which is 0 where no edge is kept and has no "
                "gradient there; accepted with normalize=False or add_self_loops=True"
            )
        return
    if isinstance(conv, _ATTENTION):
        return
    named = conv.inspector.get_param_names("message")
    # GeneralConv names the targets of messages, too, where it has no attention
    softmax = "index" in named or ("edge_index_i" in named and getattr(conv, "attention", True))
    if softmax or conv._edge_user_args:
        raise ValueError(
            f"base: messages of {name} look at each other and take no edge_weight; of attention "
            "layers GATConv and GATv2Conv are accepted"
        )


def _divides_by_kept_degree(conv: nn.Module) -> bool:
    """Whether PyG's symmetric normalisation runs without self-loops."""
    if not type(conv).__module__.startswith("torch_geometric."):
        return False
    normalize = getattr(conv, "normalize", False) or getattr(conv, "normalization", None)
    return bool(normalize) and not getattr(conv, "add_self_loops", False)
