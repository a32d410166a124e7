"""Settings of the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch_geometric.data import Data
from torch_geometric.nn import GAT, GCN, GIN, GraphSAGE, SGConv
from torch_geometric.transforms import AddRandomWalkPE, AddRemainingSelfLoops

from graphpoly.models.baselines import GCNII, MLP, Linkx
from graphpoly.models.residual_gnn import ACTIVATIONS, CONVS, NORMS, ResidualGNN
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded

__all__ = [
    "GATSettings",
    "GCNIISettings",
    "GCNSettings",
    "GINSettings",
    "LINKXSettings",
    "MLPSettings",
    "ResidualGNNSettings",
    "SAGESettings",
    "SGCSettings",
]


@dataclass(frozen=True, kw_only=True)
class BaselineSettings(ModelSettings):
    """Hyperparameters that every baseline has.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        dropout: Between layers.
    """

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(2, low=1)
    dropout: float = bounded(0.5, low=0, high=1)


@configure("MLP")
@dataclass(frozen=True, kw_only=True)
class MLPSettings(BaselineSettings):
    """Hyperparameters of a perceptron."""

    cls = MLP


@dataclass(frozen=True, kw_only=True)
class _PyGSettings(BaselineSettings):
    """Hyperparameters of PyG's ``BasicGNN``.

    Attributes:
        norm: Between layers, or none.
        jk: Jumping knowledge, or none.
        score_layers: Linear maps that score pairs of nodes, where links are asked for.
        score_dropout: Between those.
    """

    withheld = ("score_layers", "score_dropout")

    norm: str | None = bounded(None, choices=("batch_norm", "layer_norm", "graph_norm"))
    jk: str | None = bounded(None, choices=("last", "cat", "max", "lstm"))
    score_layers: int = bounded(2, low=1)
    score_dropout: float = bounded(0.0, low=0, high=1)

    def score(self) -> dict[str, Any]:
        """Return depth and dropout of the perceptron on the product of two nodes."""
        return {"num_layers": self.score_layers, "dropout": self.score_dropout}


@configure("GCN")
@dataclass(frozen=True, kw_only=True)
class GCNSettings(_PyGSettings):
    """Hyperparameters of GCN."""

    cls = GCN


@configure("SAGE", "GraphSAGE")
@dataclass(frozen=True, kw_only=True)
class SAGESettings(_PyGSettings):
    """Hyperparameters of GraphSAGE."""

    cls = GraphSAGE


@configure("GIN")
@dataclass(frozen=True, kw_only=True)
class GINSettings(_PyGSettings):
    """Hyperparameters of GIN.

    Attributes:
        train_eps: Learn the weight of a node's own features.
    """

    cls = GIN

    norm: str | None = bounded("batch_norm", choices=("batch_norm", "layer_norm", "graph_norm"))
    train_eps: bool = False


@configure("GAT")
@dataclass(frozen=True, kw_only=True)
class GATSettings(_PyGSettings):
    """Hyperparameters of GAT.

    Attributes:
        heads: Attention heads; they divide the width.
        v2: Whether the attention is GATv2's.
    """

    cls = GAT

    heads: int = bounded(8, low=1)
    v2: bool = False


@configure("GCNII")
@dataclass(frozen=True, kw_only=True)
class GCNIISettings(BaselineSettings):
    """Hyperparameters of GCNII.

    Attributes:
        alpha: Share of the first representation.
        theta: Strength of the weights.
    """

    cls = GCNII

    num_layers: int = bounded(16, low=1)
    alpha: float = bounded(0.1, low=0, high=1)
    theta: float = bounded(0.5, low=0)


@configure("ResidualGNN")
@dataclass(frozen=True, kw_only=True)
class ResidualGNNSettings(BaselineSettings):
    """Hyperparameters of a classic network as it is tuned.

    Attributes:
        conv: Its layers.
        residual: Add a linear map of what a layer reads to what it gives.
        skip: Add what a layer reads to what it gives.
        norm: Behind each layer, or none.
        activation: Behind that.
        lin_in: Begin with a linear map.
        pool: Over the nodes of a graph.
        head_layers: Linear maps at the end.
        walk_length: Steps of the random walks that encode the nodes of many graphs, or none.
        encoding_channels: Columns of that encoding.
    """

    cls = ResidualGNN
    levels = ("nodes", "graphs")
    pools_by = "pool"
    withheld = ("walk_length",)

    conv: str = bounded("gcn", choices=tuple(CONVS))
    residual: bool = True
    skip: bool = False
    norm: str | None = bounded("batch_norm", choices=tuple(name for name in NORMS if name))
    activation: str = bounded("relu", choices=tuple(ACTIVATIONS))
    lin_in: bool = False
    pool: str = bounded("mean", choices=("add", "max", "mean"))
    head_layers: int = bounded(1, low=1)
    walk_length: int | None = bounded(None, low=1)
    encoding_channels: int = bounded(28, low=1)

    @property
    def embedding_channels(self) -> int | None:
        """Width of embedded categories: that of a layer, less the columns of the encoding."""
        if self.walk_length is None:
            return None
        return max(1, self.hidden_channels - self.encoding_channels)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Tell the network of the encoding, which the nodes of many graphs have."""
        encoded = self.walk_length if inputs.level == "graphs" else None
        return {**super().arguments(inputs), "encoding_dim": encoded}

    def prepare(self, data: Data) -> Data:
        """Give each node a self-loop, those that have one no second."""
        prepared: Data = AddRemainingSelfLoops()(data.clone())
        return prepared

    def prepare_graph(self, data: Data) -> Data:
        """Leave each of many graphs as it is, and encode its nodes."""
        if self.walk_length is None:
            return data
        encoded: Data = AddRandomWalkPE(self.walk_length, attr_name="encoding")(data)
        return encoded


@configure("SGC")
@dataclass(frozen=True, kw_only=True)
class SGCSettings(ModelSettings):
    """Hyperparameters of SGC.

    Attributes:
        K: Number of hops.
    """

    cls = SGConv

    K: int = bounded(2, low=1)


@configure("LINKX")
@dataclass(frozen=True, kw_only=True)
class LINKXSettings(BaselineSettings):
    """Hyperparameters of LINKX."""

    cls = Linkx

    num_layers: int = bounded(1, low=1)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Add the number of nodes.

        Raises:
            ValueError: If there is not one graph.
        """
        if inputs.data is None:
            raise ValueError("model: LINKX knows the nodes of one graph; this dataset has many")
        return {**super().arguments(inputs), "num_nodes": inputs.data.num_nodes}
