"""Settings of the networks that read atoms and bonds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphpoly.models.molecule_gnn import AssociationGNN, MoleculeGNN
from graphpoly.models.path_molecule import PathMolecule
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["AssociationSettings", "MoleculeSettings", "PathMoleculeSettings"]


@dataclass(frozen=True, kw_only=True)
class _AtomSettings(ModelSettings):
    """Hyperparameters of a network that embeds atoms and bonds by itself.

    Attributes:
        dropout: Probability of dropout.
    """

    levels = ("graphs",)
    withheld = ("in_channels",)
    reads_categories = True

    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


@dataclass(frozen=True, kw_only=True)
class _BaselineSettings(_AtomSettings):
    """Hyperparameters that OGB's example scripts share.

    Attributes:
        conv: The layers.
        num_layers: Number of convolutions.
        hidden_channels: Size of all embeddings.
        virtual_node: Join the nodes of a graph to a node of its own.
    """

    conv: str = bounded("gin", choices=("gin", "gcn"))
    num_layers: int = bounded(5, low=1)
    hidden_channels: int = bounded(300, low=1)
    virtual_node: bool = False


@configure("MoleculeGNN")
@dataclass(frozen=True, kw_only=True)
class MoleculeSettings(_BaselineSettings):
    """Hyperparameters of OGB's example script."""

    cls = MoleculeGNN


@configure("AssociationGNN")
@dataclass(frozen=True, kw_only=True)
class AssociationSettings(_BaselineSettings):
    """Hyperparameters of OGB's example script for graphs of proteins."""

    cls = AssociationGNN
    reads_categories = False

    @property
    def reads_edges(self) -> bool:
        """They are what tells one graph from another."""
        return True

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Return what the network is made with."""
        if inputs.edge_channels is None:
            raise ValueError("dataset: has no features of edges, which this model reads")
        return {**super().arguments(inputs), "edge_channels": inputs.edge_channels}


@configure("PathMolecule")
@dataclass(frozen=True, kw_only=True)
class PathMoleculeSettings(_AtomSettings):
    """Hyperparameters of PathNN on molecules.

    Attributes:
        K: Length of the longest paths.
        paths: One shortest path a pair (SP of the paper), all shortest (SP+) or all simple (AP).
        hidden_channels: Width.
        readout: Over the atoms of a molecule.
        reduce: Over the paths of an atom.
    """

    cls = PathMolecule

    K: int = bounded(2, low=1)
    paths: str = bounded("shortest", choices=("single", "shortest", "simple"))
    hidden_channels: int = bounded(128, low=1)
    readout: str = bounded("mean", choices=("sum", "mean"))
    reduce: str = bounded("sum", choices=("sum", "mean"))
    lr: float = bounded(5e-4, low=0)
