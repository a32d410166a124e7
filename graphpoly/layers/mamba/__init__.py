"""Selective scans over sequences of subgraphs and of nodes."""

from graphpoly.layers.mamba.bidirectional_mamba import BidirectionalMamba
from graphpoly.layers.mamba.graph_mamba_conv import GraphMambaConv
from graphpoly.layers.mamba.selective_state_space import SelectiveStateSpace
from graphpoly.layers.mamba.walk_tokens import TokenEncoder, Tokens, draw_tokens, induced_tokens

__all__ = [
    "BidirectionalMamba",
    "GraphMambaConv",
    "SelectiveStateSpace",
    "TokenEncoder",
    "Tokens",
    "draw_tokens",
    "induced_tokens",
]
