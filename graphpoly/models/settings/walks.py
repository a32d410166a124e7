"""Settings of SCRaWl, and of CRaWl, which it is on nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphpoly.models.pooling import POOLS
from graphpoly.models.scrawl import SCRaWl
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["SCRaWlSettings"]


@configure("SCRaWl", "crawl")
@dataclass(frozen=True, kw_only=True)
class SCRaWlSettings(ModelSettings):
    """Hyperparameters of SCRaWl.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers, at least dim.
        dim: Highest dimension of simplices, the cliques of a graph; 0 for walks on nodes, CRaWl.
        walk_length: Steps of each walk, more than window.
        window: Positions that a position is compared with.
        edge_features: Read features of edges, where there are some and dim is 0.
        backtracking: Allow steps straight back.
        virtual_node: Join all nodes of a graph by one more.
        dropout: Inside the virtual node's perceptrons, and before the last one.
        pool: Over the nodes of a graph.
    """

    cls = SCRaWl
    levels = ("nodes", "graphs")
    pools_by = "pool"
    withheld = ("edge_features",)

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(3, low=1)
    dim: int = bounded(0, low=0)
    walk_length: int = bounded(50, low=2)
    window: int = bounded(8, low=1)
    edge_features: bool = True
    backtracking: bool = False
    virtual_node: bool = False
    dropout: float = bounded(0.0, low=0, high=1)
    pool: str = bounded("mean", choices=tuple(POOLS))
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network."""
        return self.edge_features and self.dim == 0

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Tell the network of the features of edges; links are scored without them."""
        given = inputs.level == "graphs" or inputs.data is not None
        return {**super().arguments(inputs), "edge_dim": inputs.edge_channels if given else None}
