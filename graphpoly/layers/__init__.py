"""Drop-in message-passing layers and aggregations."""

from graphpoly.layers.cooperative import CooperativeConv
from graphpoly.layers.egnn_conv import EGNNConv
from graphpoly.layers.gcorn_conv import GCORNConv
from graphpoly.layers.gnp_aggregation import GNPAggregation
from graphpoly.layers.grafenne import Allotrope, GRAFENNEConv, allotrope
from graphpoly.layers.implicit import ConvergentConv, PicardConv, SubhomogeneousConv
from graphpoly.layers.laser_conv import LASERConv
from graphpoly.layers.mamba import GraphMambaConv
from graphpoly.layers.mpnn_conv import MPNNConv
from graphpoly.layers.orthonormal_linear import OrthonormalLinear
from graphpoly.layers.pair_linear import PairLinear
from graphpoly.layers.path_conv import PathConv
from graphpoly.layers.polynormer import PolynormerConv
from graphpoly.layers.ppgn_block import PPGNBlock
from graphpoly.layers.random_node_features import RandomNodeFeatures
from graphpoly.layers.recurrent_aggregation import RecurrentAggregation
from graphpoly.layers.scrawl_conv import SCRaWlConv
from graphpoly.layers.sheaf import (
    ConnectionMaps,
    ConnectionSheafConv,
    SheafConv,
    connection_maps,
)
from graphpoly.layers.spectral import (
    BernConv,
    ChebIIConv,
    FavardConv,
    FEConv,
    GPRConv,
    JacobiConv,
    KrylovConv,
    LegendreConv,
    MatrixFunctionConv,
    OperatorConv,
    OptBasisConv,
    PDFConv,
    PLaplacianConv,
    PolynomialConv,
    TFGConv,
    UniFilterConv,
)
from graphpoly.layers.triplet_conv import TripletConv

__all__ = [
    "Allotrope",
    "BernConv",
    "ChebIIConv",
    "ConnectionMaps",
    "ConnectionSheafConv",
    "ConvergentConv",
    "CooperativeConv",
    "EGNNConv",
    "FEConv",
    "FavardConv",
    "GCORNConv",
    "GNPAggregation",
    "GPRConv",
    "GRAFENNEConv",
    "GraphMambaConv",
    "JacobiConv",
    "KrylovConv",
    "LASERConv",
    "LegendreConv",
    "MPNNConv",
    "MatrixFunctionConv",
    "OperatorConv",
    "OptBasisConv",
    "OrthonormalLinear",
    "PDFConv",
    "PLaplacianConv",
    "PPGNBlock",
    "PairLinear",
    "PathConv",
    "PicardConv",
    "PolynomialConv",
    "PolynormerConv",
    "RandomNodeFeatures",
    "RecurrentAggregation",
    "SCRaWlConv",
    "SheafConv",
    "SubhomogeneousConv",
    "TFGConv",
    "TripletConv",
    "UniFilterConv",
    "allotrope",
    "connection_maps",
]
