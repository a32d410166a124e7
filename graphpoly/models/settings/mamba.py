"""Settings of Graph Mamba."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.models.graph_mamba import GraphMamba
from graphpoly.models.pooling import POOLS
from graphpoly.models.settings.base import ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["GraphMambaSettings"]


@configure("GraphMamba", "mamba", "gmn")
@dataclass(frozen=True, kw_only=True)
class GraphMambaSettings(ModelSettings):
    """Hyperparameters of a Graph Mamba Network.

    Attributes:
        hidden_channels: Width.
        walk_length: Length m of the longest walks; 0 for a sequence of nodes alone.
        num_walks: Walks M that make a subgraph.
        samples: Subgraphs s of each length.
        token_layers: Scans over the subgraphs of each node.
        node_layers: Scans over the nodes.
        local_layers: Rounds of message passing within a subgraph.
        expand: Channels of a scan for each of the network's.
        states: Numbers of the state of each of them.
        message_passing: Add message passing to the scans over nodes.
        dropout: On the input, on what each scan adds, and before the head.
        pool: Over the nodes of a graph.
    """

    cls = GraphMamba
    levels = ("nodes", "graphs")
    pools_by = "pool"

    hidden_channels: int = bounded(64, low=1)
    walk_length: int = bounded(2, low=0)
    num_walks: int = bounded(2, low=1)
    samples: int = bounded(2, low=1)
    token_layers: int = bounded(1, low=1)
    node_layers: int = bounded(2, low=0)
    local_layers: int = bounded(1, low=0)
    expand: int = bounded(2, low=1)
    states: int = bounded(16, low=1)
    message_passing: bool = True
    dropout: float = bounded(0.2, low=0, high=1)
    pool: str = bounded("mean", choices=tuple(POOLS))
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)
