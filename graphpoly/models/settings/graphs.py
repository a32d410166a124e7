"""Settings of networks for graphs, with noise, rewired and in space: from PPGN to EGNN."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch_geometric.data import Data

from graphpoly.layers.egnn_conv import COORD_AGGREGATIONS
from graphpoly.layers.mpnn_conv import MESSAGES
from graphpoly.models.comparator_net import ComparatorNet
from graphpoly.models.egnn import EGNN
from graphpoly.models.emissions import EMISSIONS
from graphpoly.models.gspn import GSPN
from graphpoly.models.gspn import POOLS as GSPN_POOLS
from graphpoly.models.laser_gnn import LASERGNN
from graphpoly.models.matrix_function_gnn import MatrixFunctionGNN
from graphpoly.models.mpnn import MPNN, READOUTS
from graphpoly.models.path_nn import PathNN
from graphpoly.models.pdf_net import PDFNet
from graphpoly.models.ppgn import PPGN
from graphpoly.models.ppgn_plus_plus import PPGNPlusPlus
from graphpoly.models.rni_gnn import REDUCES, RNIGNN
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.ops.random_features import DISTRIBUTIONS
from graphpoly.settings import bounded

__all__ = [
    "ComparatorSettings",
    "EGNNSettings",
    "GSPNSettings",
    "LASERGNNSettings",
    "MPNNSettings",
    "MatrixFunctionSettings",
    "PDFSettings",
    "PPGNPlusPlusSettings",
    "PPGNSettings",
    "PathSettings",
    "RNISettings",
]

_POOLS = ("add", "max", "mean")


@dataclass(frozen=True, kw_only=True)
class GraphSettings(ModelSettings):
    """Hyperparameters of a network for graphs.

    Attributes:
        hidden_channels: Width.
    """

    levels = ("nodes", "graphs")

    hidden_channels: int = bounded(64, low=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


@configure("PPGN")
@dataclass(frozen=True, kw_only=True)
class PPGNSettings(GraphSettings):
    """Hyperparameters of PPGN.

    Attributes:
        num_layers: Number of blocks.
        mlp_layers: Layers of each perceptron.
        normalization: Of the adjacency matrix.
        pool: Over the pairs of a graph.
    """

    cls = PPGN
    pools_by = "pool"

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(3, low=1)
    mlp_layers: int = bounded(2, low=1)
    normalization: str | None = bounded(None, choices=("sym", "rw"))
    pool: str = bounded("max", choices=_POOLS)


@configure("PPGNPlusPlus", "ppgn++", "ppgn-plus-plus")
@dataclass(frozen=True, kw_only=True)
class PPGNPlusPlusSettings(PPGNSettings):
    """Hyperparameters of PPGN++.

    Attributes:
        head_channels: Width of the last perceptron; none for the width of the others.
    """

    cls = PPGNPlusPlus

    head_channels: int | None = bounded(None, low=1)


@configure("PathNN", "path")
@dataclass(frozen=True, kw_only=True)
class PathSettings(GraphSettings):
    """Hyperparameters of PathNN.

    Attributes:
        K: Length of the longest paths.
        paths: One shortest path a pair (SP of the paper), all shortest (SP+) or all simple (AP).
        dropout: At the LSTM's inputs and in the head.
        norm: Of the states, or none.
        readout: Over the nodes of a graph.
    """

    cls = PathNN
    pools_by = "readout"

    K: int = bounded(2, low=1)
    paths: str = bounded("shortest", choices=("single", "shortest", "simple"))
    dropout: float = bounded(0.5, low=0, high=1)
    norm: str | None = bounded("batch", choices=("batch", "rows"))
    readout: str = bounded("sum", choices=("sum", "mean"))


@configure("PDFNet", "pdf")
@dataclass(frozen=True, kw_only=True)
class PDFSettings(GraphSettings):
    """Hyperparameters of PDF.

    Attributes:
        num_layers: Number of layers.
        exponents: Of the degrees.
        highest_power: Powers from 1 to this one.
        hops: Pairs within so many hops, or none for all pairs.
        softmax: Normalise the filters over neighbours.
        dropout: Before the last linear map.
        filter_dropout: On the filters, before their softmax.
        layer_dropout: On what each layer adds.
        activation: Of the perceptrons.
        norm: Batch normalisation in filters and perceptrons.
        pool: Over the nodes of a graph.
    """

    cls = PDFNet
    pools_by = "pool"
    withheld = ("highest_power",)

    hidden_channels: int = bounded(128, low=1)
    num_layers: int = bounded(4, low=1)
    exponents: tuple[float, ...] = (-0.5, -0.4, -0.3, -0.2)
    highest_power: int = bounded(6, low=1)
    hops: int | None = bounded(None, low=1)
    softmax: bool = True
    dropout: float = bounded(0.5, low=0, high=1)
    filter_dropout: float = bounded(0.1, low=0, high=1)
    layer_dropout: float = bounded(0.0, low=0, high=1)
    activation: str = bounded("gelu", choices=("gelu", "relu"))
    norm: bool = True
    pool: str = bounded("max", choices=_POOLS)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Count the powers out."""
        return {**super().arguments(inputs), "powers": tuple(range(1, self.highest_power + 1))}


@configure("MatrixFunctionGNN", "mfn")
@dataclass(frozen=True, kw_only=True)
class MatrixFunctionSettings(GraphSettings):
    """Hyperparameters of MFN.

    Attributes:
        num_layers: Number of layers.
        matrices, poles: Of each layer.
        readout: What is read of each matrix function.
        solver: How the linear systems are solved.
        tolerance: Of the sparse solver; none for its own.
        dropout: Before the last linear map.
        pool: Over the nodes of a graph.
    """

    cls = MatrixFunctionGNN
    pools_by = "pool"

    num_layers: int = bounded(2, low=1)
    matrices: int = bounded(8, low=1)
    poles: int = bounded(4, low=1)
    readout: str = bounded("diagonal", choices=("diagonal", "product"))
    solver: str = bounded("dense", choices=("dense", "sparse"))
    tolerance: float | None = bounded(None, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    pool: str = bounded("mean", choices=_POOLS)


@configure("MPNN")
@dataclass(frozen=True, kw_only=True)
class MPNNSettings(GraphSettings):
    """Hyperparameters of the message passing network of quantum chemistry.

    Attributes:
        num_layers: Steps of one and the same layer.
        edge_features: Read features of edges, where there are some.
        edge_channels: Hidden channels of the edge network, or none for a linear one.
        messages: Of the edge network, or of a perceptron on both ends of an edge.
        master_channels: State of a node that is joined to all others, or none for no such node.
        readout: Over the nodes of a graph.
        set2set_steps: Steps of that readout.
    """

    cls = MPNN
    pools_by = "readout"
    withheld = ("edge_features",)

    num_layers: int = bounded(3, low=1)
    edge_features: bool = True
    edge_channels: int | None = bounded(32, low=1)
    messages: str = bounded("edge", choices=MESSAGES)
    master_channels: int | None = bounded(None, low=1)
    readout: str = bounded("set2set", choices=READOUTS)
    set2set_steps: int = bounded(3, low=1)

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network."""
        return self.edge_features

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Tell the network of the features of edges; links are scored without them."""
        given = inputs.level == "graphs" or inputs.data is not None
        return {**super().arguments(inputs), "edge_dim": inputs.edge_channels if given else None}


@configure("GSPN")
@dataclass(frozen=True, kw_only=True)
class GSPNSettings(GraphSettings):
    """Hyperparameters of GSPN.

    Attributes:
        hidden_channels: States of a node.
        num_layers: Layers above the first.
        emission: Of the features; categorical where they are one-hot.
        head_channels: States of a graph; none for as many as a node has.
        pool: Over the nodes of a graph.
    """

    cls = GSPN
    pools_by = "pool"

    hidden_channels: int = bounded(20, low=1)
    num_layers: int = bounded(5, low=1)
    emission: str = bounded("gaussian", choices=EMISSIONS)
    head_channels: int | None = bounded(32, low=1)
    pool: str = bounded("add", choices=GSPN_POOLS)
    lr: float = bounded(0.01, low=0)


@configure("RNIGNN", "rni")
@dataclass(frozen=True, kw_only=True)
class RNISettings(GraphSettings):
    """Hyperparameters of the network with random node features.

    Attributes:
        num_layers: Convolutions behind the noise.
        ratio: Share of the features that is noise.
        distribution: Of the noise.
        reduce: Over the neighbours.
        dropout: Inside the last perceptron.
        pool: Over the nodes of a graph.
    """

    cls = RNIGNN
    pools_by = "pool"

    num_layers: int = bounded(8, low=1)
    ratio: float = bounded(0.5, low=0, high=1)
    distribution: str = bounded("normal", choices=DISTRIBUTIONS)
    reduce: str = bounded("mean", choices=REDUCES)
    dropout: float = bounded(0.5, low=0, high=1)
    pool: str = bounded("max", choices=_POOLS)


@configure("LASERGNN", "laser")
@dataclass(frozen=True, kw_only=True)
class LASERGNNSettings(ModelSettings):
    """Hyperparameters of LASERGNN, which has weights for each type of edge that rewiring makes.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of convolutions.
        dropout: Before each of them.
    """

    cls = LASERGNN
    reads_types = True

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(3, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Return what the network is made with."""
        return {**super().arguments(inputs), "num_relations": inputs.num_relations}


@configure("ComparatorNet", "comparator")
@dataclass(frozen=True, kw_only=True)
class ComparatorSettings(ModelSettings):
    """Hyperparameters of layers over neighbours and over all others.

    Attributes:
        hidden_channels: Width of each of the three parts of a layer.
        num_layers: Number of layers.
        pool: Of a graph.
    """

    cls = ComparatorNet
    levels = ("nodes", "graphs")
    pools_by = "pool"

    hidden_channels: int = bounded(32, low=1)
    num_layers: int = bounded(3, low=1)
    pool: str = bounded("mean", choices=_POOLS)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


@configure("EGNN")
@dataclass(frozen=True, kw_only=True)
class EGNNSettings(ModelSettings):
    """Hyperparameters of EGNN, which says where particles will be, or a number of each graph.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        edge_features: Read features of edges, where there are some.
        attention: Weigh each message.
        update_coords: Move the nodes from layer to layer, which positions ask for.
        coord_aggr: Of what moves a particle.
        normalize: Divide each difference by its length.
        tanh: Bound what a difference is multiplied by.
        clamp: Bound each component of what an edge adds, or none.
        velocity: Read velocities of what moves.
        update_velocity: Pass updated velocities on.
        pool: Over the nodes of a graph.
    """

    cls = EGNN
    levels = ("positions", "graphs")
    withheld = ("edge_features",)

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(4, low=1)
    edge_features: bool = True
    attention: bool = False
    update_coords: bool = True
    coord_aggr: str = bounded("mean", choices=COORD_AGGREGATIONS)
    normalize: bool = False
    tanh: bool = False
    clamp: float | None = bounded(None, low=0)
    velocity: bool = True
    update_velocity: bool = True
    pool: str = bounded("add", choices=_POOLS)
    lr: float = bounded(5e-4, low=0)
    weight_decay: float = bounded(1e-12, low=0)

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network."""
        return self.edge_features

    def prepare(self, data: Data) -> Data:
        """Leave velocities out where they are not read."""
        if self.velocity or "vel" not in data:
            return data
        data = copy.copy(data)
        del data.vel
        return data

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Ask for positions, or for numbers of graphs, of which velocities say nothing."""
        given = {**super().arguments(inputs), "edge_dim": inputs.edge_channels}
        if inputs.level == "positions":
            return {**given, "out_channels": None, "pool": None}
        return {**given, "velocity": False}
