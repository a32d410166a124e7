"""Nodes that choose which messages they send and which they hear."""

from graphpoly.layers.cooperative.action_net import ActionNet
from graphpoly.layers.cooperative.actions import ACTIONS, Actions, edge_gate, gumbel_noise
from graphpoly.layers.cooperative.aggregate_conv import AggregateConv
from graphpoly.layers.cooperative.base import BASES, make_base
from graphpoly.layers.cooperative.cooperative_conv import CooperativeConv
from graphpoly.layers.cooperative.gated_conv import GatedConv
from graphpoly.layers.cooperative.plot import plot_actions

__all__ = [
    "ACTIONS",
    "BASES",
    "ActionNet",
    "Actions",
    "AggregateConv",
    "CooperativeConv",
    "GatedConv",
    "edge_gate",
    "gumbel_noise",
    "make_base",
    "plot_actions",
]
