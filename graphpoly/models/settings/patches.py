"""Settings of the networks that mix patches of graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE, BaseTransform

from graphpoly.features import ExtractPatches
from graphpoly.loader.partition import METHODS
from graphpoly.models.graph_mlp_mixer import GraphMLPMixer
from graphpoly.models.graph_vit import GraphViT
from graphpoly.models.patch_encoder import CONVS, reads_edges
from graphpoly.models.patch_mixers import ATTENTIONS
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["GraphMLPMixerSettings", "GraphViTSettings"]


@dataclass(frozen=True, kw_only=True)
class _PatchSettings(ModelSettings):
    """Hyperparameters of a network on patches, and of how they are extracted.

    Where there is one graph, for nodes and links, its patches are those of the network's own seed,
    and nodes are not encoded.

    Attributes:
        hidden_channels: Width.
        num_layers: Layers of message passing.
        mixer_layers: Blocks of the mixer.
        conv: Layers of message passing.
        edge_features: Read features of edges, where there are some and the layers can.
        walk_length: Steps of the random walks that encode the nodes of many graphs, or none.
        patch_walks: Steps of the walks that encode patches, or none.
        dropout: In message passing.
        mixer_dropout: In the mixer.
        num_patches: Patches of each graph.
        overlap: Hops by which parts grow.
        method: How graphs are divided.
        anew: Divide the training graphs anew in each epoch.
        drop: Share of the entries of a training graph that such a partition does not see.
    """

    levels = ("nodes", "graphs")
    withheld = ("edge_features", "walk_length", "anew", "drop")

    hidden_channels: int = bounded(128, low=1)
    num_layers: int = bounded(4, low=1)
    mixer_layers: int = bounded(4, low=0)
    conv: str = bounded("gine", choices=tuple(CONVS))
    edge_features: bool = True
    walk_length: int | None = bounded(16, low=1)
    patch_walks: int | None = bounded(8, low=1)
    dropout: float = bounded(0.0, low=0, high=1)
    mixer_dropout: float = bounded(0.0, low=0, high=1)
    num_patches: int = bounded(32, low=1)
    overlap: int = bounded(1, low=0)
    method: str = bounded("metis", choices=METHODS)
    anew: bool = True
    drop: float = bounded(0.3, low=0, high=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network."""
        return self.edge_features and reads_edges(self.conv)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Tell the network of the features of edges and of the encodings."""
        many = inputs.level == "graphs"
        given = many or inputs.data is not None  # links are scored by nodes and edges alone
        return {
            **super().arguments(inputs),
            "edge_dim": inputs.edge_channels if given else None,
            "encoding_dim": self.walk_length if many else None,
            "pool": "mean" if many else None,
        }

    def prepare_graph(self, data: Data) -> Data:
        """Extract the patches, and encode the nodes."""
        data = self._patches()(data)
        if self.walk_length is not None:
            data = AddRandomWalkPE(self.walk_length, attr_name="encoding")(data)
        return data

    def augmentation(self) -> BaseTransform | None:
        """Return what divides a batch anew."""
        return self._patches(drop=self.drop, seed=None) if self.anew else None

    def _patches(self, **further: Any) -> ExtractPatches:
        return ExtractPatches(self.num_patches, overlap=self.overlap, method=self.method, **further)


@configure("GraphMLPMixer", "graph-mlp-mixer")
@dataclass(frozen=True, kw_only=True)
class GraphMLPMixerSettings(_PatchSettings):
    """Hyperparameters of Graph MLP-Mixer."""

    cls = GraphMLPMixer


@configure("GraphViT", "graph-vit")
@dataclass(frozen=True, kw_only=True)
class GraphViTSettings(_PatchSettings):
    """Hyperparameters of Graph ViT.

    Attributes:
        heads: Heads of attention.
        attention: What it makes of the nodes that patches share.
    """

    cls = GraphViT

    heads: int = bounded(8, low=1)
    attention: str = bounded("hadamard", choices=ATTENTIONS)
