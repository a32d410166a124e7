"""Typed hyperparameters of every model, by which one runner makes and trains them all."""

from __future__ import annotations

from graphpoly.models.settings.algorithms import AlgorithmSettings
from graphpoly.models.settings.attention import CoGNNSettings, PolynormerSettings
from graphpoly.models.settings.base import (
    LEVELS,
    Inputs,
    ModelSettings,
    aliases,
    configure,
    model_names,
    settings_of,
)
from graphpoly.models.settings.baselines import (
    GATSettings,
    GCNIISettings,
    GCNSettings,
    GINSettings,
    LINKXSettings,
    MLPSettings,
    ResidualGNNSettings,
    SAGESettings,
    SGCSettings,
)
from graphpoly.models.settings.filters import (
    BernSettings,
    ChebIISettings,
    FavardSettings,
    FESettings,
    FilterSettings,
    GPRSettings,
    JacobiSettings,
    LegendreSettings,
    OptBasisFilterSettings,
    OptBasisSettings,
    PLaplacianSettings,
    PrecomputedSettings,
    TFGSettings,
    UniFilterSettings,
    training_homophily,
)
from graphpoly.models.settings.forward import ForwardSettings
from graphpoly.models.settings.grafenne import GRAFENNESettings
from graphpoly.models.settings.graphs import (
    ComparatorSettings,
    EGNNSettings,
    GSPNSettings,
    LASERGNNSettings,
    MatrixFunctionSettings,
    MPNNSettings,
    PathSettings,
    PDFSettings,
    PPGNPlusPlusSettings,
    PPGNSettings,
    RNISettings,
)
from graphpoly.models.settings.links import NCNCSettings, NCNSettings
from graphpoly.models.settings.mamba import GraphMambaSettings
from graphpoly.models.settings.molecules import (
    AssociationSettings,
    MoleculeSettings,
    PathMoleculeSettings,
)
from graphpoly.models.settings.patches import GraphMLPMixerSettings, GraphViTSettings
from graphpoly.models.settings.pointers import PointerSettings
from graphpoly.models.settings.robust import GCORNSettings
from graphpoly.models.settings.sheaf import SheafSettings
from graphpoly.models.settings.walks import SCRaWlSettings

__all__ = [
    "LEVELS",
    "AlgorithmSettings",
    "AssociationSettings",
    "BernSettings",
    "ChebIISettings",
    "CoGNNSettings",
    "ComparatorSettings",
    "EGNNSettings",
    "FESettings",
    "FavardSettings",
    "FilterSettings",
    "ForwardSettings",
    "GATSettings",
    "GCNIISettings",
    "GCNSettings",
    "GCORNSettings",
    "GINSettings",
    "GPRSettings",
    "GRAFENNESettings",
    "GSPNSettings",
    "GraphMLPMixerSettings",
    "GraphMambaSettings",
    "GraphViTSettings",
    "Inputs",
    "JacobiSettings",
    "LASERGNNSettings",
    "LINKXSettings",
    "LegendreSettings",
    "MLPSettings",
    "MPNNSettings",
    "MatrixFunctionSettings",
    "ModelSettings",
    "MoleculeSettings",
    "NCNCSettings",
    "NCNSettings",
    "OptBasisFilterSettings",
    "OptBasisSettings",
    "PDFSettings",
    "PLaplacianSettings",
    "PPGNPlusPlusSettings",
    "PPGNSettings",
    "PathMoleculeSettings",
    "PathSettings",
    "PointerSettings",
    "PolynormerSettings",
    "PrecomputedSettings",
    "RNISettings",
    "ResidualGNNSettings",
    "SAGESettings",
    "SCRaWlSettings",
    "SGCSettings",
    "SheafSettings",
    "TFGSettings",
    "UniFilterSettings",
    "aliases",
    "configure",
    "model_names",
    "settings_of",
    "training_homophily",
]
